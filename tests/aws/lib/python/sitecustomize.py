"""Loaded by Python before anything else: answers of HTTP servers leave at once and in one piece."""

import socketserver

socketserver.StreamRequestHandler.disable_nagle_algorithm = True
socketserver.StreamRequestHandler.wbufsize = 65536
