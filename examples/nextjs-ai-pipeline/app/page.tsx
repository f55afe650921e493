import { connection } from "next/server";
import { AutoRefresh } from "@/components/auto-refresh";
import { FeedbackForm } from "@/components/feedback-form";
import { JobCard } from "@/components/job-card";
import { jobs, summaries } from "@/lib/jobs";

export default async function Page() {
  await connection(); // made anew for each request
  const [allJobs, allSummaries] = await Promise.all([jobs.list(), summaries.list()]);
  return (
    <main>
      <header>
        <h1>Feedback desk</h1>
        <p>Tell us something. It is analyzed, gets a reply drafted, and a day later that reply is mailed.</p>
      </header>
      <FeedbackForm />
      {allSummaries.slice(0, 3).map((summary) => (
        <section key={summary.id} className="card summary">
          <h2>Summary of {summary.id}</h2>
          <p>{summary.text}</p>
        </section>
      ))}
      <section>
        <h2>Jobs</h2>
        {allJobs.length === 0 && <p className="quiet">Nothing yet.</p>}
        {allJobs.map((job) => (
          <JobCard key={job.id} job={job} />
        ))}
      </section>
      <AutoRefresh />
    </main>
  );
}
