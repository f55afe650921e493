"""All that runs by itself: claim, attempt, settle, rescue, prune."""
