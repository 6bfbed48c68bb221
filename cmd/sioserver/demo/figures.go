package demo

import (
	"context"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/sioserver/sioserver/sio"
)

// Panel measures the server once a second and tells those who watch. It is
// safe for concurrent use.
type Panel struct {
	server  *sio.Server
	ns      *sio.Namespace
	started time.Time
	atStart int64 // bytes; only Run uses it
	latest  atomic.Pointer[Figures]
}

// NewPanel registers the panel on a namespace of server; Run feeds it.
func NewPanel(server *sio.Server, ns *sio.Namespace) *Panel {
	p := &Panel{server: server, ns: ns, started: time.Now()}
	ns.OnConnection(func(s *sio.Socket) {
		if f := p.latest.Load(); f != nil {
			_ = s.Emit("figures", f)
		}
	})
	return p
}

// Run measures once a second until ctx is done. It is called once, when the
// server listens and nobody has connected yet.
func (p *Panel) Run(ctx context.Context) {
	debug.FreeOSMemory() // so that what starting up took does not hide what connections take
	p.atStart = resident()
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	before, since := p.server.Stats(), p.started
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			stats := p.server.Stats()
			p.publish(before, stats, now.Sub(since))
			before, since = stats, now
		}
	}
}

// publish sends the figures of the time between two readings. It is volatile:
// a peer that can't keep up gets the next one.
func (p *Panel) publish(before, now sio.Stats, took time.Duration) {
	rate := func(a, b uint64) float64 { return float64(b-a) / took.Seconds() }
	f := &Figures{
		Connections: now.Clients,
		Received:    rate(before.EventsIn+before.AcksIn, now.EventsIn+now.AcksIn),
		Sent:        rate(before.PacketsOut, now.PacketsOut),
		Resident:    resident(),
		AtStart:     p.atStart,
		Uptime:      time.Since(p.started).Seconds(),
		Goroutines:  runtime.NumGoroutine(),
	}
	p.latest.Store(f)
	_ = p.ns.Volatile().Emit("figures", f)
}
