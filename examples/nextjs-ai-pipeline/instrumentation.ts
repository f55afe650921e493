// Next.js calls this once, when a server starts.

export async function register() {
  if (process.env.NEXT_RUNTIME !== "nodejs") return;
  const { scheduleSummary } = await import("@/lib/pipeline");
  // Not awaited: the app serves whether the queue is there or not.
  scheduleSummary().catch((error) => console.error("The daily summary has no schedule:", error.message));
}
