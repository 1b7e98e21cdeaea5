"""Kopf, thin: one on.event function per kind hands bodies to the inbox. Nobody else imports kopf."""
