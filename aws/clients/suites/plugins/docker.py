"""Stands for the Docker SDK: whatever image is asked for, what runs is weir serve. Of
the ports, one is for the API over TLS, and the other for a check of health."""

import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

API, HEALTH = "4567/tcp", "4568/tcp"


class Healthy(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


class Container:
    def __init__(self, ports):
        self.weir = subprocess.Popen([os.environ["WEIR"], "serve", "--tls", "--listen", f"127.0.0.1:{ports[API]}",
                                      *os.environ["WEIR_FLAGS"].split()], stdout=subprocess.PIPE)
        self.weir.stdout.readline()  # it is ready
        self.health = HTTPServer(("127.0.0.1", ports[HEALTH]), Healthy)
        self.server = threading.Thread(target=self.health.serve_forever)
        self.server.start()

    def stop(self, **_):
        self.health.shutdown()
        self.server.join()
        self.health.server_close()
        self.weir.terminate()
        self.weir.stdout.close()
        self.weir.wait()


class Containers:
    def run(self, _image, *, ports, **_):
        return Container(ports)


class Client:
    containers = Containers()

    def ping(self):
        pass


def from_env():
    return Client()
