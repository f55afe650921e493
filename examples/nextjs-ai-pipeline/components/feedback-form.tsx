"use client";

import { useRouter } from "next/navigation";
import { useState, type FormEvent } from "react";

export function FeedbackForm() {
  const router = useRouter();
  const [error, setError] = useState("");

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    const response = await fetch("/api/jobs", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(Object.fromEntries(new FormData(form))),
    });
    if (response.ok) form.reset();
    setError(response.ok ? "" : (await response.json()).error);
    router.refresh();
  }

  return (
    <form className="card" onSubmit={submit}>
      <textarea
        name="text"
        rows={3}
        maxLength={2000}
        placeholder="The delivery was late, but the bread is wonderful."
        aria-label="Feedback"
        required
      />
      <div className="row">
        <input name="email" type="email" placeholder="you@example.com" aria-label="E-mail" required />
        <button type="submit">Send</button>
      </div>
      {error && <p className="error">{error}</p>}
    </form>
  );
}
