"""How jupyter_client gets a kernel in the jail: a kernel provisioner."""

from __future__ import annotations

import asyncio
import secrets
import signal
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.provisioning import KernelProvisionerBase

from skiplab.grading import inside
from skiplab.grading.jail import Door, Kernel, Limits

NAME = "skiplab-jail"  # as pyproject.toml has it among the entry points


class JailSpecs(KernelSpecManager):
    """Knows one kernel, the jailed one, under whatever name it is asked for."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """The specification of the jailed kernel."""
        return KernelSpec(
            display_name="Python 3 in the jail",
            language="python",
            argv=["python"],
            metadata={"kernel_provisioner": {"provisioner_name": NAME}},
        )


class JailProvisioner(KernelProvisionerBase):
    """Starts, interrupts and ends a kernel in the jail."""

    kernel: Kernel | None = None

    @property
    def has_process(self) -> bool:
        """Whether there is a kernel."""
        return self.kernel is not None

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:  # noqa: ANN401
        """Ask for no command: the kernel is a fork of a process that runs already."""
        return {**kwargs, "cmd": []}

    async def launch_kernel(  # noqa: D417 -- the first is the base class's
        self,
        cmd: list[str],
        *,
        door: Door,
        name: str,
        files: Path | None,
        seed: int,
        limits: Limits,
        **_: Any,  # noqa: ANN401
    ) -> dict[str, Any]:
        """Start the kernel.

        Args:
            door: where.
            name: of the folder it works in.
            files: the lesson's own files.
            seed: for its random streams.
            limits: what it may use.

        Returns:
            How to reach it.
        """
        key = secrets.token_hex(32)
        self.kernel = door.start(name, files, seed, key, limits)
        return inside.PORTS | {
            "transport": "ipc",
            "ip": self.kernel.sockets,
            "key": key.encode(),
            "signature_scheme": "hmac-sha256",
        }

    async def poll(self) -> int | None:
        """None while it runs."""
        if self.kernel is None:
            return 0
        self.kernel.listen(0)
        return None if self.kernel.ended is None else 1

    async def wait(self) -> int | None:
        """Wait until it has ended."""
        while await self.poll() is None:
            await asyncio.sleep(0.01)
        return await self.poll()

    async def send_signal(self, signum: int) -> None:
        """Interrupt it; any other signal ends it."""
        if self.kernel is not None:
            self.kernel.tell(b"interrupt" if signum == signal.SIGINT else b"kill")

    async def kill(self, restart: bool = False) -> None:
        """End it and all that it started."""
        if self.kernel is not None:
            self.kernel.close()

    async def terminate(self, restart: bool = False) -> None:
        """End it and all that it started."""
        await self.kill()

    async def cleanup(self, restart: bool = False) -> None:
        """Forget it."""
        await self.kill()
        self.kernel = None
