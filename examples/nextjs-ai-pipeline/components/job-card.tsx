import { stateOf, type Job } from "@/lib/jobs";

export function JobCard({ job }: { job: Job }) {
  const state = stateOf(job);
  return (
    <article className="card" data-state={state}>
      <div className="heading">
        <span className="state">{state}</span>
        <span className="quiet">{job.email}</span>
        <time className="quiet" dateTime={job.createdAt}>
          {job.createdAt.slice(11, 19)} UTC
        </time>
      </div>
      <blockquote>{job.text}</blockquote>
      {job.analysis && (
        <p className="tags">
          <span className={job.analysis.sentiment}>{job.analysis.sentiment}</span>
          {job.analysis.topics.map((topic) => (
            <span key={topic}>{topic}</span>
          ))}
        </p>
      )}
      {job.reply && <p className="reply">{job.reply}</p>}
      {job.followUpId && <p className="quiet">The mail is {job.followUpId}</p>}
      {job.error && <p className="error">{job.error}</p>}
    </article>
  );
}
