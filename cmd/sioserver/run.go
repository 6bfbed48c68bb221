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
	"strings"
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

// run is the program: it serves until a signal comes and gives the exit code.
func run(args []string, stdout, stderr io.Writer, signals <-chan os.Signal) int {
	o, flags, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		usage(stdout, flags)
		return exitDone
	}
	if err != nil {
		return fail(stderr, "%v (sioserver -h explains the flags)", err)
	}
	log := newLogger(o, stderr)
	srv, err := newServer(o, log)
	if err != nil {
		return fail(stderr, "%v", err)
	}
	var panel *demo.Panel
	if !o.noDemo {
		panel = attachDemo(srv)
	}
	if err := srv.Listen(o.addr); err != nil {
		if errors.Is(err, syscall.EADDRINUSE) {
			return fail(stderr, "another program listens on %s already; choose another address with -addr", o.addr)
		}
		return fail(stderr, "can't listen on %s: %v", o.addr, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if panel != nil {
		go panel.Run(ctx)
	}
	fmt.Fprintf(stdout, "sioserver listens on %s\n", place(o, srv.Addr()))
	return serve(srv, log, o, signals)
}

// fail writes one line and gives the exit code of a program that did not start.
func fail(stderr io.Writer, format string, args ...any) int {
	fmt.Fprintf(stderr, "sioserver: "+format+"\n", args...)
	return exitUsage
}

// newLogger makes the logger that the flags ask for.
func newLogger(o options, w io.Writer) *slog.Logger {
	h := &slog.HandlerOptions{Level: o.logLevel}
	if o.logFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, h))
	}
	return slog.New(slog.NewTextHandler(w, h))
}

// newServer makes the server that the flags ask for; it does not listen yet.
func newServer(o options, log *slog.Logger) (*sio.Server, error) {
	cfg := sio.Config{
		Path:              o.path,
		Loops:             o.loops,
		Transports:        strings.Split(o.transports, ","),
		PingInterval:      o.pingInterval,
		PingTimeout:       o.pingTimeout,
		ConnectTimeout:    o.connectTimeout,
		MaxHTTPBufferSize: o.maxHTTPBufferSize,
		DiscardRequest:    o.discardRequest,
		NoClient:          o.noClient,
		Logger:            log,
	}
	if !o.noClient {
		files, present := clientFiles()
		if !present {
			log.Warn("the browser client is not in this build, " + o.path + "socket.io.js is a 404: run `make client` and build again")
		}
		cfg.Client = files
	}
	if !o.noDemo {
		page, err := demo.Page(o.path)
		if err != nil {
			return nil, err
		}
		cfg.Handler = page
	}
	return sio.New(cfg)
}

// attachDemo registers the demo; the panel it gives is yet to be run.
func attachDemo(srv *sio.Server) *demo.Panel {
	demo.NewChat(srv.Of("/chat"))
	return demo.NewPanel(srv, srv.Of("/figures"))
}

// place gives the address as one would open it in a browser.
func place(o options, addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return addr.String()
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "localhost"
	}
	page := "/"
	if o.noDemo {
		page = o.path
	}
	return "http://" + net.JoinHostPort(host, port) + page
}

// serve waits for the server's end, which the first signal asks for and the
// second no longer waits for.
func serve(srv *sio.Server, log *slog.Logger, o options, signals <-chan os.Signal) int {
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve() }()
	select {
	case err := <-ended:
		log.Error("the server has ended", "error", err)
		return exitError
	case s := <-signals:
		log.Info("shutting down", "signal", s.String(), "within", o.shutdownTimeout)
	}
	ctx, cancel := context.WithTimeout(context.Background(), o.shutdownTimeout)
	defer cancel()
	go func() {
		select {
		case <-signals:
			cancel()
		case <-ctx.Done():
		}
	}()
	if err := srv.Shutdown(ctx); err != nil {
		log.Warn("ended before everything was done", "error", err)
		return exitError
	}
	return exitDone
}
