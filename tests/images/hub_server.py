"""A server on this machine that answers as Hugging Face's hub does, for one repository."""

import json
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
            name = self.path.partition(f"/resolve/{COMMIT}/")[2]
            self.reply((folder / name).read_bytes() if name else self.listing(), name)

        do_HEAD = do_GET

        def listing(self):
            files = [path for path in folder.rglob("*") if path.is_file()]
            names = [{"rfilename": path.relative_to(folder).as_posix()} for path in files]
            return json.dumps({"id": "a/b", "sha": COMMIT, "siblings": names}).encode()

        def reply(self, data, name):
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("ETag", f'"{name.replace("/", "-") or "listing"}"')
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
