"""The routes: for visitors, and for the queue."""

from django.urls import path

from feedback_desk import queue_views, views

urlpatterns = [
    path("", views.page),
    path("jobs", views.job_list),
    path("api/jobs", views.api_jobs),
    path("api/steps/analyze", queue_views.analyze),
    path("api/steps/draft-reply", queue_views.draft_reply),
    path("api/callbacks/step-done", queue_views.step_done),
    path("api/callbacks/step-failed", queue_views.step_failed),
    path("api/daily-summary", queue_views.summarize_day),
]
