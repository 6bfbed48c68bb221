//go:build linux

package gnetpoll

import (
	"context"
	"net"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/panjf2000/gnet/v2"

	"github.com/sioserver/sioserver/loop/internal/backend"
)

// runner runs gnet's loops.
type runner interface {
	// run runs them until halt is called or they fail.
	run() error
	// probe opens nc, which is consumed, on a loop that has no more
	// connections than the others.
	probe(nc net.Conn) error
	// halt makes run return. It may be called more than once, but not before
	// gnet has started.
	halt()
}

// probe is the context of a connection by which the engine learns one of
// gnet's loops: gnet gives them to connections only.
type probe struct{}

func (e *Engine) options() []gnet.Option {
	return []gnet.Option{
		gnet.WithNumEventLoop(e.cfg.Loops), gnet.WithReusePort(true), gnet.WithReuseAddr(true),
		gnet.WithTicker(true), gnet.WithLogger(logger{log: e.cfg.Logger, failed: e.listeners.because}),
		gnet.WithSocketRecvBuffer(e.cfg.SocketRecvBuffer), gnet.WithSocketSendBuffer(e.cfg.SocketSendBuffer),
	}
}

// server runs loops that listen on addr.
type server struct {
	e    *Engine
	addr string
	gnet gnet.Engine
}

// engines numbers the servers of the process.
var engines atomic.Int64

func (s *server) run() error {
	// gnet keeps its engines in a map by address until they are removed. The
	// fragment makes the key unique, so that removing it removes this engine.
	key := "tcp://" + s.addr + "#" + strconv.FormatInt(engines.Add(1), 10)
	err := gnet.Run(&events{e: s.e, boot: func(g gnet.Engine) { s.gnet = g }}, key, s.e.options()...)
	//lint:ignore SA1019 the only way to remove the key
	_ = gnet.Stop(context.Background(), key)
	return err
}

func (s *server) probe(nc net.Conn) error {
	ctx := gnet.NewNetConnContext(gnet.NewContext(context.Background(), probe{}), nc)
	opened, err := s.gnet.Register(ctx)
	if err != nil {
		_ = nc.Close()
		return err
	}
	select {
	case res := <-opened:
		return res.Err
	case <-s.e.ended:
		if s.e.err == nil {
			return backend.ErrStopped
		}
		return s.e.err
	}
}

func (s *server) halt() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // so that Stop does not wait: ended reports the end
	_ = s.gnet.Stop(ctx)
}

// client runs loops that do not listen: gnet's client has loops like its
// server's.
type client struct {
	e      *Engine
	gnet   *gnet.Client
	halted chan struct{}
	once   sync.Once
}

func (c *client) run() (err error) {
	if c.gnet, err = gnet.NewClient(&events{e: c.e}, c.e.options()...); err != nil {
		return err
	}
	if err = c.gnet.Start(); err != nil {
		return err
	}
	<-c.halted
	return c.gnet.Stop()
}

func (c *client) probe(nc net.Conn) error {
	_, err := c.gnet.EnrollContext(nc, probe{})
	return err
}

func (c *client) halt() { c.once.Do(func() { close(c.halted) }) }
