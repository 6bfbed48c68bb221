package demo

import (
	"context"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/sioserver/sioserver/sio"
)

// Panel measures the server once a second and sends the figures to the clients
// of its namespace, on this server only. It is safe for concurrent use.
type Panel struct {
	server  *sio.Server
	ns      *sio.Namespace
	started time.Time
	own     atomic.Uint64 // packets that the panel has sent
	latest  atomic.Pointer[Figures]
}

// reading is what the server has counted until at, without the panel's own
// packets.
type reading struct {
	at       time.Time
	in, sent float64
}

// NewPanel registers the panel on a namespace of server. Run measures.
func NewPanel(server *sio.Server, ns *sio.Namespace) *Panel {
	p := &Panel{server: server, ns: ns, started: time.Now()}
	ns.OnAnyOutgoing(func(*sio.Socket, string, sio.RawArgs) { p.own.Add(1) })
	ns.OnConnection(func(s *sio.Socket) {
		if f := p.latest.Load(); f != nil {
			_ = s.Emit("figures", p.refresh(*f))
		}
	})
	return p
}

// Run measures once a second until ctx is done. Call it once, when the server
// listens and before clients connect.
func (p *Panel) Run(ctx context.Context) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	before := p.start()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			before = p.tick(before, now)
		}
	}
}

func (p *Panel) start() reading {
	debug.FreeOSMemory() // memory that only the start needed would hide what connections need
	p.latest.Store(&Figures{AtStart: resident()})
	return p.read(p.started)
}

// tick measures and publishes.
func (p *Panel) tick(before reading, now time.Time) reading {
	after := p.read(now)
	p.publish(before, after)
	return after
}

func (p *Panel) read(now time.Time) reading {
	own := p.own.Load() // first: what is counted in it is in PacketsOut then
	stats := p.server.Stats()
	return reading{now, float64(stats.EventsIn + stats.AcksIn), float64(stats.PacketsOut - own)}
}

// publish sends the figures of the time between two readings. They are
// volatile: a client that reads too slowly gets the next ones.
func (p *Panel) publish(before, after reading) {
	f := *p.latest.Load()
	took := after.at.Sub(before.at).Seconds()
	f.Received = (after.in - before.in) / took
	f.Sent = max(0, after.sent-before.sent) / took
	now := p.refresh(f)
	p.latest.Store(now)
	_ = p.ns.Local().Volatile().Emit("figures", now)
}

// refresh returns f with new figures, except for the rates.
func (p *Panel) refresh(f Figures) *Figures {
	f.Connections = p.server.Stats().Clients
	f.Resident = resident()
	f.Uptime = time.Since(p.started).Seconds()
	f.Goroutines = runtime.NumGoroutine()
	return &f
}
