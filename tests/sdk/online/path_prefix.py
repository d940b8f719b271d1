"""A server below a path: a small proxy takes the path away."""

import http.client
import http.server
import os
import threading
import urllib.parse

target = urllib.parse.urlsplit(os.environ["RUNWIRE_SERVER"])


class Proxy(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def forward(self):
        assert self.path.startswith("/sub/"), self.path
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")}
        connection = http.client.HTTPConnection(target.hostname, target.port)
        connection.request(self.command, self.path[4:], body, headers | {"Host": target.netloc})
        answer = connection.getresponse()
        content = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = forward

    def log_message(self, *_):
        pass


proxy = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
threading.Thread(target=proxy.serve_forever, daemon=True).start()
os.environ["WANDB_BASE_URL"] = f"http://127.0.0.1:{proxy.server_port}/sub/"

from support import start  # noqa: E402

with start("path_prefix") as run:
    run.log({"x": 1})
print("done")
