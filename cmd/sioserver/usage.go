package main

import (
	"flag"
	"fmt"
	"io"
)

// usage writes what -h shows.
func usage(w io.Writer, fs *flag.FlagSet) {
	fmt.Fprintf(w, `Serves Socket.IO to stock clients, the browser client and a demo chat.

Usage:
  sioserver [flags]        serves until SIGINT or SIGTERM
  sioserver check [flags]  checks the settings and prints them, as a file for -config

`)
	fs.SetOutput(w)
	fs.PrintDefaults()
	fmt.Fprintf(w, `
In the file of -config the flags are keys, and those that begin with cors-, cookie-,
recovery-, compression-, tls-, drain- or limits- are in the table of that name:

  addr = ":8080"
  ping-interval = "30s"
  [cors]
  origins = ["https://example.com"]

Examples:
  sioserver                                        everything on port 3000
  sioserver -addr 127.0.0.1:8080 -log-level debug  on this machine only, with a line for each client
  sioserver -no-demo -discard-request -loops 1     with the least memory
  sioserver -redis redis://10.0.0.9:6379 -advertise 10.0.0.1:3000  in a cluster
  sioserver -config /etc/sioserver.toml -ops-addr 127.0.0.1:9090   as a service
`)
}
