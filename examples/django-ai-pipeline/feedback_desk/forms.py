"""What visitors may give."""

from django import forms

from feedback_desk.models import Job


class FeedbackForm(forms.ModelForm):
    class Meta:
        model = Job
        fields = ("text", "email")
