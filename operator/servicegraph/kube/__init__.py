"""The Kubernetes API. Nobody else imports kubernetes_asyncio."""
