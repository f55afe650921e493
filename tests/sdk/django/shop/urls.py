"""The webhook where the documentation of django-qstash puts it, and the shop's own views."""

from django.urls import include, path

from tests.sdk.django.shop import views

urlpatterns = [
    path("qstash/webhook/", include("django_qstash.urls")),
    path("tasks/<str:name>/delay", views.delay),
    path("tasks/<str:name>/apply_async", views.apply_async),
    path("results/<str:task_id>", views.result),
    path("results/<str:task_id>/children", views.children),
    path("runs/<str:name>", views.runs),
    path("schedules", views.schedules),
    path("schedules/<int:pk>", views.schedule),
]
