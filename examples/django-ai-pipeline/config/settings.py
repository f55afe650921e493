"""Settings; whatever differs between a laptop and production comes from the environment."""

import os
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent

DEBUG = os.environ.get("DEBUG") == "1"
SECRET_KEY = "for development only" if DEBUG else os.environ["SECRET_KEY"]
ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "localhost").split(",")

INSTALLED_APPS = ["django.contrib.staticfiles", "feedback_desk"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
STATIC_URL = "static/"
TIME_ZONE = "UTC"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("DATABASE", FOLDER / "feedback.db"),
        # A transaction that will write says so when it begins: others wait, instead of failing.
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

APP_URL = os.environ.get("APP_URL", "http://localhost:8000")
"""Where this app can be reached by the queue."""

QSTASH_URL = os.environ.get("QSTASH_URL", "http://localhost:8080")
QSTASH_TOKEN = os.environ.get("QSTASH_TOKEN", "")
CURRENT_SIGNING_KEY = os.environ.get("QSTASH_CURRENT_SIGNING_KEY", "")
NEXT_SIGNING_KEY = os.environ.get("QSTASH_NEXT_SIGNING_KEY", "")

# Any server that speaks OpenAI's API.
MODEL_URL = os.environ.get("MODEL_URL", "")
MODEL_API_KEY = os.environ.get("MODEL_API_KEY", "none")
MODEL_NAME = os.environ.get("MODEL_NAME", "stand-in")

# Any provider that sends a mail for each `POST {url}/emails`.
MAIL_URL = os.environ.get("MAIL_URL", "")
MAIL_API_KEY = os.environ.get("MAIL_API_KEY", "")
MAIL_FROM = os.environ.get("MAIL_FROM", "Feedback desk <desk@example.com>")
FOLLOW_UP_DELAY = os.environ.get("FOLLOW_UP_DELAY", "1d")

SUMMARY_CRON = os.environ.get("SUMMARY_CRON", "CRON_TZ=Europe/Berlin 0 8 * * *")
"""Each morning at eight, in Berlin, through winter and summer."""
