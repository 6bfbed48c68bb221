package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"syscall"

	"github.com/sioserver/sioserver/cmd/sioserver/demo"
	"github.com/sioserver/sioserver/sio"
)

// Exit codes.
const (
	exitDone  = 0
	exitError = 1 // something went wrong while serving
	exitUsage = 2 // it could not start: flags, address
)

// run is the program: it serves until a signal comes and returns the exit code.
func run(args []string, stdout, stderr io.Writer, signals <-chan os.Signal) int {
	o, flags, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		usage(stdout, flags)
		return exitDone
	}
	if err != nil {
		return fail(stderr, "%v (sioserver -h explains the flags)", err)
	}
	if o.version {
		fmt.Fprintln(stdout, version())
		return exitDone
	}
	log := newLogger(o, stderr)
	srv, member, err := newServer(o, log)
	if err != nil {
		return fail(stderr, "%v", err)
	}
	defer member.leave() // after the server's end
	var panel *demo.Panel
	if !o.noDemo {
		panel = attachDemo(srv)
	}
	if err := srv.Listen(o.addr); err != nil {
		_ = srv.Close() // no client is connected yet
		if errors.Is(err, syscall.EADDRINUSE) {
			return fail(stderr, "another program listens on %s already; choose another address with -addr", o.addr)
		}
		return fail(stderr, "can't listen on %s: %v", o.addr, reason(err))
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if panel != nil {
		go panel.Run(ctx)
	}
	fmt.Fprintf(stdout, "sioserver listens on %s\n", place(o, srv.Addr()))
	return serve(srv, log, o, signals)
}

// fail writes one line and returns the exit code of a program that did not
// start.
func fail(stderr io.Writer, format string, args ...any) int {
	fmt.Fprintf(stderr, "sioserver: "+format+"\n", args...)
	return exitUsage
}

// newLogger makes the logger that the flags ask for.
func newLogger(o options, w io.Writer) *slog.Logger {
	h := &slog.HandlerOptions{Level: o.logLevel.Level}
	if o.logFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, h))
	}
	return slog.New(slog.NewTextHandler(w, h))
}

// newServer makes the server that the flags ask for; it does not listen yet.
// The caller leaves the membership after the server has ended.
func newServer(o options, log *slog.Logger) (*sio.Server, *membership, error) {
	cfg := sio.Config{
		Path:              o.path,
		Loops:             o.loops,
		Transports:        o.transports,
		Origins:           o.origins,
		PingInterval:      o.pingInterval,
		PingTimeout:       o.pingTimeout,
		ConnectTimeout:    o.connectTimeout,
		MaxHTTPBufferSize: o.maxHTTPBufferSize,
		DiscardRequest:    o.discardRequest,
		AllowEIO3:         o.allowEIO3,
		NoClient:          o.noClient,
		Logger:            log,
	}
	if !o.noDemo {
		page, err := demo.Page(o.path)
		if err != nil {
			return nil, nil, err
		}
		cfg.Handler = page
	}
	member, err := join(o, log, &cfg)
	if err != nil {
		return nil, nil, err
	}
	if o.noClient {
		if !o.noDemo {
			log.Warn("the demo does not work without the browser client: leave out -no-client, or add -no-demo")
		}
	} else {
		files, present := clientFiles()
		if !present {
			log.Warn("the browser client is not in this build, so " + o.path + "socket.io.js is a 404 and the demo does not work: run `make client` and build again")
		}
		cfg.Client = files
	}
	srv, err := sio.New(cfg)
	if err != nil {
		member.leave()
		return nil, nil, err
	}
	return srv, member, nil
}

// attachDemo registers the demo. The caller runs the panel that it returns.
func attachDemo(srv *sio.Server) *demo.Panel {
	demo.NewChat(srv.Of("/chat"))
	return demo.NewPanel(srv, srv.Of("/figures"))
}

// place returns the URL to open in a browser.
func place(o options, addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return addr.String()
	}
	page, note := "/", ""
	if o.noDemo {
		page = o.path
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host, note = "localhost", " (all addresses)"
	}
	return "http://" + net.JoinHostPort(host, port) + page + note
}

// reason is why listening failed, without the address.
func reason(err error) string {
	var address *net.AddrError
	var name *net.DNSError
	switch inner := errors.Unwrap(err); {
	case errors.As(err, &address):
		return address.Err
	case errors.As(err, &name):
		return name.Err
	case inner != nil:
		return inner.Error()
	}
	return err.Error()
}
