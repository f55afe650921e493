"""`manage.py schedule_summary`, to be run at each deployment."""

from django.core.management.base import BaseCommand, CommandError

from feedback_desk import pipeline


class Command(BaseCommand):
    help = "Have the daily summary made; an earlier schedule of it is overwritten."

    def handle(self, **_: object) -> None:
        try:
            pipeline.schedule_summary()
        except Exception as error:
            raise CommandError(f"The daily summary has no schedule: {error}") from error
