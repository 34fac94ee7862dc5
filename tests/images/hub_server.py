"""A server on this machine that answers as Hugging Face's hub does, for one repository."""

import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0" * 40


@contextmanager
def serve(folder):
    """Serve the files of a folder. YIELDS (Tuple[str, List[str]]): Address, and the paths asked for."""
    asked = []

    class Hub(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            name = self.path.partition("/resolve/")[2].partition("/")[2]  # after branch or commit
            if not name:
                self.reply(self.listing(), "listing")
            elif (folder / name).is_file():
                self.reply((folder / name).read_bytes(), name)
            else:
                self.send_response(404)
                self.send_header("X-Error-Code", "EntryNotFound")
                self.send_header("Content-Length", "0")
                self.end_headers()

        do_HEAD = do_GET

        def listing(self):
            files = [path for path in folder.rglob("*") if path.is_file()]
            names = [{"rfilename": path.relative_to(folder).as_posix()} for path in files]
            return json.dumps({"id": "a/b", "sha": COMMIT, "siblings": names}).encode()

        def reply(self, data, name):
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("ETag", f'"{name.replace("/", "-")}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(data)

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()


def run_python(*args, address, cache):
    """Run Python in a process that asks this hub and nobody else. RETURNS (str): What it prints."""
    offline = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    environment = {key: value for key, value in os.environ.items() if key not in offline}
    environment.update(HF_ENDPOINT=address, HF_HUB_CACHE=str(cache), HF_HUB_DISABLE_XET="1")
    environment.update(NO_PROXY="127.0.0.1", no_proxy="127.0.0.1")
    command = [sys.executable, *map(str, args)]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
