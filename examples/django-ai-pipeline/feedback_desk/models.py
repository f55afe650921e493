"""A job is one piece of feedback, and what the pipeline has found out about it so far."""

from uuid import uuid4

from django.db import models


class Job(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid4)
    created_at = models.DateTimeField(auto_now_add=True)
    email = models.EmailField()
    text = models.TextField(max_length=2000)
    analysis = models.JSONField(null=True)
    reply = models.TextField(blank=True)
    follow_up_id = models.CharField(max_length=100, blank=True)
    """The message that will send the reply."""
    error = models.TextField(blank=True)

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"{self.state} job of {self.email}"

    @property
    def state(self) -> str:
        """Follows from what is known, so that a delivery that comes twice can't turn it back."""
        if self.error:
            return "failed"
        if self.reply:
            return "done"
        return "analyzed" if self.analysis else "queued"


class Summary(models.Model):
    day = models.DateField(primary_key=True)
    """A second summary of the same day replaces the first."""
    job_count = models.IntegerField()
    text = models.TextField()

    class Meta:
        ordering = ("-day",)
        verbose_name_plural = "summaries"

    def __str__(self) -> str:
        return f"Summary of {self.day}"
