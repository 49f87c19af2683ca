"""What locust does in vs_wrk.py: one request after the other, with its faster client."""

from locust import FastHttpUser, constant, task  # type: ignore[import-not-found,unused-ignore]  # only where installed


class Hello(FastHttpUser):  # type: ignore[misc,unused-ignore]
    """A closed-loop user."""

    wait_time = constant(0)

    @task  # type: ignore[untyped-decorator,unused-ignore]
    def hello(self) -> None:
        """Ask once."""
        self.client.get("/")
