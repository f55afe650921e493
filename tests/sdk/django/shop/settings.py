"""Settings as the documentation of django-qstash names them; the test gives the values."""

import os

SECRET_KEY = "for tests only"
ALLOWED_HOSTS = ["localhost"]
ROOT_URLCONF = "tests.sdk.django.shop.urls"
INSTALLED_APPS = [
    "django_qstash",
    "django_qstash.results",
    "django_qstash.schedules",
    "tests.sdk.django.shop",
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ["SHOP_DATABASE"],
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TIME_ZONE = "UTC"

QSTASH_TOKEN = os.environ["QSTASH_TOKEN"]
QSTASH_CURRENT_SIGNING_KEY = os.environ["QSTASH_CURRENT_SIGNING_KEY"]
QSTASH_NEXT_SIGNING_KEY = os.environ["QSTASH_NEXT_SIGNING_KEY"]
DJANGO_QSTASH_DOMAIN = os.environ["SHOP_URL"]
DJANGO_QSTASH_WEBHOOK_PATH = "/qstash/webhook/"
# Else it expects signatures for https, whatever the address of the request.
DJANGO_QSTASH_FORCE_HTTPS = False
