package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/sioserver/sioserver/eio"
)

// options are what the command line says.
type options struct {
	addr              string
	path              string
	loops             int
	transports        []string
	origins           []string
	pingInterval      time.Duration
	pingTimeout       time.Duration
	connectTimeout    time.Duration
	maxHTTPBufferSize int64
	discardRequest    bool
	allowEIO3         bool
	redis             string
	adapter           string
	advertise         string
	noClient          bool
	noDemo            bool
	logLevel          level
	logFormat         string
	shutdownTimeout   time.Duration
	version           bool
}

// level is a flag's value.
type level struct{ slog.Level }

func (l *level) String() string { return strings.ToLower(l.Level.String()) }

func (l *level) Set(s string) error {
	if l.UnmarshalText([]byte(s)) != nil {
		return errors.New("it must be debug, info, warn or error")
	}
	return nil
}

// parse reads the arguments that follow the program's name. Its error is
// flag.ErrHelp for -h; usage then writes the help.
func parse(args []string) (options, *flag.FlagSet, error) {
	var o options
	var transports, origins string
	fs := flag.NewFlagSet("sioserver", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	fs.StringVar(&o.addr, "addr", ":3000", "listen on `host:port`; without a host on all addresses, with port 0 on a free port")
	fs.StringVar(&o.path, "path", "/socket.io/", "serve Socket.IO below this `path`")
	fs.IntVar(&o.loops, "loops", 0, "`number` of event loops, at most 256; 0 means one for each processor")
	fs.StringVar(&transports, "transports", "polling,websocket", "comma-separated `list` of the transports that clients may use")
	fs.StringVar(&origins, "origins", "", "comma-separated `list` of the only origins whose pages may connect, such as https://example.com,https://*.example.com, the demo's own included; empty for all")
	fs.DurationVar(&o.pingInterval, "ping-interval", 25*time.Second, "`time` between two heartbeats")
	fs.DurationVar(&o.pingTimeout, "ping-timeout", 20*time.Second, "`time` that a client has to answer a heartbeat")
	fs.DurationVar(&o.connectTimeout, "connect-timeout", 45*time.Second, "`time` that a client has to join a namespace")
	fs.Int64Var(&o.maxHTTPBufferSize, "max-http-buffer-size", 1_000_000, "largest message, attachment and polling body, in `bytes`")
	fs.BoolVar(&o.discardRequest, "discard-request", false, "drop a client's first HTTP request once it is connected; saves about 230 bytes of memory a connection")
	fs.BoolVar(&o.allowEIO3, "allow-eio3", false, "serve clients of Socket.IO 2 too (Engine.IO protocol 3)")
	fs.StringVar(&o.redis, "redis", "", "join the cluster of the Redis at this `url`, such as redis://127.0.0.1:6379; ?addr=… adds nodes of a Redis Cluster or, with master_name=…, Sentinels")
	fs.StringVar(&o.adapter, "adapter", adapters[0], "`kind` of adapter, the same on all servers of the cluster: pubsub, sharded (Redis 7) or streams")
	fs.StringVar(&o.advertise, "advertise", "", "`host:port` at which the other servers of the cluster reach this one; clients that use polling then need no sticky sessions")
	fs.BoolVar(&o.noClient, "no-client", false, "do not serve the browser client (socket.io.js and the files beside it); the demo does not work without it")
	fs.BoolVar(&o.noDemo, "no-demo", false, "do not serve the demo chat at /")
	fs.Var(&o.logLevel, "log-level", "log lines of this `level` and above: debug, info, warn or error (default info)")
	fs.StringVar(&o.logFormat, "log-format", "text", "`format` of the log: text or json")
	fs.DurationVar(&o.shutdownTimeout, "shutdown-timeout", 10*time.Second, "`time` that handlers have to return after the first SIGINT or SIGTERM; a second signal ends the program at once")
	fs.BoolVar(&o.version, "version", false, "print the version and exit")
	if err := fs.Parse(args); err != nil {
		return o, fs, err
	}
	if fs.NArg() > 0 {
		return o, fs, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	for t := range strings.SplitSeq(transports, ",") {
		o.transports = append(o.transports, strings.TrimSpace(t))
	}
	if origins != "" {
		for origin := range strings.SplitSeq(origins, ",") {
			o.origins = append(o.origins, strings.TrimSpace(origin))
		}
	}
	if err := o.check(); err != nil {
		return o, fs, err
	}
	if !strings.HasSuffix(o.path, "/") {
		o.path += "/"
	}
	return o, fs, nil
}

// check refuses invalid values with an error that names the flag; the error of
// sio.New would name a field of its Config.
func (o *options) check() error {
	for _, c := range []struct {
		name  string
		value any
		ok    bool
		must  string
	}{
		{"addr", o.addr, o.addr != "", "it must be host:port or :port"},
		{"path", o.path, strings.HasPrefix(o.path, "/"), "it must begin with a slash"},
		{"path", o.path, o.path != "/" || o.noDemo, "the demo has this path; add -no-demo"},
		{"loops", o.loops, o.loops >= 0 && o.loops <= 256, "it must be between 1 and 256, or 0 for one for each processor"},
		{"ping-interval", o.pingInterval, o.pingInterval >= time.Millisecond, "it must be at least 1ms"},
		{"ping-timeout", o.pingTimeout, o.pingTimeout >= time.Millisecond, "it must be at least 1ms"},
		{"connect-timeout", o.connectTimeout, o.connectTimeout >= time.Millisecond, "it must be at least 1ms"},
		{"max-http-buffer-size", o.maxHTTPBufferSize, o.maxHTTPBufferSize > 0, "it must be positive"},
		{"log-format", o.logFormat, o.logFormat == "text" || o.logFormat == "json", "it must be text or json"},
		{"adapter", o.adapter, slices.Contains(adapters, o.adapter), "it must be pubsub, sharded or streams"},
		{"adapter", o.adapter, o.adapter == adapters[0] || o.redis != "", "it needs -redis"},
		{"advertise", o.advertise, o.advertise == "" || o.redis != "", "it needs -redis"},
		{"advertise", o.advertise, o.advertise == "" || isHostPort(o.advertise), "it must be host:port"},
		{"shutdown-timeout", o.shutdownTimeout, o.shutdownTimeout >= 0, "it must not be negative"},
	} {
		if !c.ok {
			return fmt.Errorf("invalid value %q for flag -%s: %s", fmt.Sprint(c.value), c.name, c.must)
		}
	}
	for _, t := range o.transports {
		if t != "polling" && t != "websocket" {
			return fmt.Errorf("invalid value %q for flag -transports: it must be polling, websocket or both, with a comma between them", t)
		}
	}
	for _, origin := range o.origins {
		if !eio.ValidOrigin(origin) {
			return fmt.Errorf("invalid value %q for flag -origins: it must be an origin as browsers send it, such as https://example.com, or https://*.example.com, or null", origin)
		}
	}
	return nil
}

// isHostPort reports whether addr is host:port of a server that can be
// connected to.
func isHostPort(addr string) bool {
	host, port, err := net.SplitHostPort(addr)
	return err == nil && host != "" && port != "" && port != "0" && !strings.Contains(addr, " ")
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
  sioserver -addr 127.0.0.1:8080 -log-level debug  on this machine only, with a line for each client
  sioserver -no-demo -discard-request -loops 1     with the least memory
  sioserver -redis redis://10.0.0.9:6379 -advertise 10.0.0.1:3000  in a cluster
`)
}
