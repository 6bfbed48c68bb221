package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"

	"github.com/sioserver/sioserver/cmd/sioserver/demo"
	"github.com/sioserver/sioserver/cmd/sioserver/ops"
	"github.com/sioserver/sioserver/cmd/sioserver/settings"
	"github.com/sioserver/sioserver/sio"
)

// Exit codes.
const (
	exitDone  = 0
	exitError = 1 // something went wrong while serving
	exitUsage = 2 // it could not start: flags, configuration, address
)

// run is the program: it serves until a signal comes and returns the exit code.
func run(args []string, stdout, stderr io.Writer, signals <-chan os.Signal) int {
	c, err := settings.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		usage(stdout, c.Flags)
		return exitDone
	case err != nil:
		return fail(stderr, "%v (sioserver -h explains the flags)", err)
	case c.Version:
		fmt.Fprintln(stdout, version())
		return exitDone
	case c.Check:
		return check(c, stdout, stderr)
	}
	p := &program{Command: c}
	p.log = newLogger(c.Settings, &p.scopes, stderr)
	if err := p.start(stdout); err != nil {
		p.close()
		return fail(stderr, "%v", err)
	}
	defer p.close()
	return p.serve(signals)
}

// fail writes one line and returns the exit code of a program that did not
// start.
func fail(stderr io.Writer, format string, args ...any) int {
	fmt.Fprintf(stderr, "sioserver: "+format+"\n", args...)
	return exitUsage
}

// newLogger makes the logger that the settings ask for.
func newLogger(s settings.Settings, scopes *sio.LogScopes, w io.Writer) *slog.Logger {
	_ = scopes.Set(s.Debug) // settings.Parse has checked it
	h := &slog.HandlerOptions{Level: s.LogLevel.Level}
	if s.LogFormat == "json" {
		return slog.New(scopes.Handler(slog.NewJSONHandler(w, h)))
	}
	return slog.New(scopes.Handler(slog.NewTextHandler(w, h)))
}

// program is what runs. Its parts are set by start.
type program struct {
	settings.Command
	log     *slog.Logger
	scopes  sio.LogScopes // of log
	state   ops.State
	metrics *ops.Metrics // nil without -ops-addr, as is ops
	ops     *ops.Server
	member  *membership // nil until newServer
	srv     *sio.Server
	stop    context.CancelFunc // of the demo; nil without it

	certificate *certificate // nil without -tls-cert, as is tls
	tls         *tls.Config
	hangups     chan os.Signal // nil until it listens
}

// start serves clients, and prints where. What it has started when it fails is
// for close.
func (p *program) start(stdout io.Writer) (err error) {
	if p.OpsAddr != "" {
		p.metrics = ops.NewMetrics()
		if p.ops, err = ops.Listen(p.OpsAddr, &p.state, p.metrics, &p.scopes, p.log); err != nil {
			return unable(err, "ops-addr", p.OpsAddr)
		}
	}
	if err := p.newServer(); err != nil {
		return err
	}
	var panel *demo.Panel
	if !p.NoDemo {
		panel = attachDemo(p.srv)
	}
	addr, err := p.listen()
	if err != nil {
		_ = p.srv.Close() // no client is connected yet
		return err
	}
	if panel != nil {
		ctx, cancel := context.WithCancel(context.Background())
		p.stop = cancel
		go panel.Run(ctx)
	}
	p.state.Ready()
	if p.ops != nil {
		fmt.Fprintf(stdout, "sioserver serves operators on http://%s/\n", p.ops.Addr())
	}
	fmt.Fprintf(stdout, "sioserver listens on %s\n", place(p.Settings, addr))
	return nil
}

// close ends what start has started, except for the server.
func (p *program) close() {
	if p.stop != nil {
		p.stop()
	}
	if p.hangups != nil {
		signal.Stop(p.hangups)
		close(p.hangups)
	}
	if p.member != nil {
		p.member.leave()
	}
	if p.ops != nil {
		p.ops.Close()
	}
}

// newServer makes the server that the settings ask for; it does not listen yet.
func (p *program) newServer() (err error) {
	cfg := p.Settings.Server()
	cfg.Logger = p.log
	if err := p.loadTLS(); err != nil {
		return err
	}
	cfg.TLS = p.tls
	if p.metrics != nil {
		cfg.WrapHandlers = []sio.HandlerWrapper{p.metrics.WrapHandler}
	}
	if cfg.Handler, err = p.pages(); err != nil {
		return err
	}
	if p.member, err = join(p.Settings, p.log, &cfg); err != nil {
		return err
	}
	if p.NoClient {
		if !p.NoDemo {
			p.log.Warn("the demo does not work without the browser client: leave out -no-client, or add -no-demo")
		}
	} else {
		files, present := clientFiles()
		if !present {
			p.log.Warn("the browser client is not in this build, so " + p.Path + "socket.io.js is a 404 and the demo does not work: run `make client` and build again")
		}
		cfg.Client = files
	}
	if p.srv, err = sio.New(cfg); err != nil {
		return p.Explain(err)
	}
	if p.metrics != nil {
		p.metrics.Watch(p.srv, p.member.figures())
	}
	return nil
}

// pages returns what is served outside the path of Socket.IO; nil for nothing.
func (p *program) pages() (http.Handler, error) {
	var page http.Handler
	if !p.NoDemo {
		var err error
		if page, err = demo.Page(p.Path); err != nil {
			return nil, err
		}
	}
	if !p.Health {
		return page, nil
	}
	mux := http.NewServeMux()
	p.state.Route(mux)
	if page != nil {
		mux.Handle("/", page)
	}
	return mux, nil
}

// attachDemo registers the demo. The caller runs the panel that it returns.
func attachDemo(srv *sio.Server) *demo.Panel {
	demo.NewChat(srv.Of("/chat"))
	return demo.NewPanel(srv, srv.Of("/figures"))
}
