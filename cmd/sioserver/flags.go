package main

import (
	"flag"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"
)

// options are what the command line says.
type options struct {
	addr              string
	path              string
	loops             int
	transports        string
	pingInterval      time.Duration
	pingTimeout       time.Duration
	connectTimeout    time.Duration
	maxHTTPBufferSize int64
	discardRequest    bool
	noClient          bool
	noDemo            bool
	logLevel          slog.Level
	logFormat         string
	shutdownTimeout   time.Duration
}

// parse reads the arguments that follow the program's name. Its error is
// flag.ErrHelp when help was asked for, which usage then gives.
func parse(args []string) (options, *flag.FlagSet, error) {
	var o options
	fs := flag.NewFlagSet("sioserver", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	fs.StringVar(&o.addr, "addr", ":3000", "listen on `host:port`; without a host on all addresses, port 0 takes a free one")
	fs.StringVar(&o.path, "path", "/socket.io/", "serve Socket.IO below this `path`")
	fs.IntVar(&o.loops, "loops", 0, "`number` of event loops; 0 means one a processor")
	fs.StringVar(&o.transports, "transports", "polling,websocket", "`list` of the transports that clients may use")
	fs.DurationVar(&o.pingInterval, "ping-interval", 25*time.Second, "`time` between two heartbeats of a client")
	fs.DurationVar(&o.pingTimeout, "ping-timeout", 20*time.Second, "`time` that a client has to answer a heartbeat before it is disconnected")
	fs.DurationVar(&o.connectTimeout, "connect-timeout", 45*time.Second, "`time` that a client has to join a namespace")
	fs.Int64Var(&o.maxHTTPBufferSize, "max-http-buffer-size", 1_000_000, "largest message accepted, in `bytes`")
	fs.BoolVar(&o.discardRequest, "discard-request", false, "forget a client's first HTTP request once it is connected; saves about 500 bytes a connection")
	fs.BoolVar(&o.noClient, "no-client", false, "do not serve the browser client (socket.io.js and its siblings)")
	fs.BoolVar(&o.noDemo, "no-demo", false, "do not serve the demo chat at /")
	fs.TextVar(&o.logLevel, "log-level", slog.LevelInfo, "log what is at least this `level`: debug, info, warn or error")
	fs.StringVar(&o.logFormat, "log-format", "text", "log as `format` text or json")
	fs.DurationVar(&o.shutdownTimeout, "shutdown-timeout", 10*time.Second, "`time` that handlers have to finish after the first SIGINT or SIGTERM; a second one ends at once")
	if err := fs.Parse(args); err != nil {
		return o, fs, err
	}
	return o, fs, o.check(fs)
}

// check refuses what the flag package can't and sio would not name by flag.
func (o *options) check(fs *flag.FlagSet) error {
	if fs.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	if !strings.HasPrefix(o.path, "/") {
		return fmt.Errorf("invalid value %q for flag -path: it must begin with a slash", o.path)
	}
	if !strings.HasSuffix(o.path, "/") {
		o.path += "/"
	}
	if o.logFormat != "text" && o.logFormat != "json" {
		return fmt.Errorf("invalid value %q for flag -log-format: it must be text or json", o.logFormat)
	}
	return nil
}

// usage writes what -h shows.
func usage(w io.Writer, fs *flag.FlagSet) {
	fmt.Fprintf(w, `Serves Socket.IO to stock clients, the browser client and a demo chat.

Usage: sioserver [flags]

`)
	fs.SetOutput(w)
	fs.PrintDefaults()
	fmt.Fprintf(w, `
Examples:
  sioserver                                        everything on port 3000
  sioserver -addr 127.0.0.1:8080 -log-level debug  for oneself, telling more
  sioserver -no-demo -discard-request -loops 1     as lean as it gets
`)
}
