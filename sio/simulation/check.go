package simulation

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/sioserver/sioserver/loop/invariants"
	"github.com/sioserver/sioserver/loop/looptest"
	"github.com/sioserver/sioserver/sio"
)

// Draw draws the options of a run.
func Draw(seed uint64) Options {
	r := rand.New(rand.NewPCG(seed, 0))
	o := Options{
		Nodes: 1, Clients: 1 + r.IntN(24), Steps: 20 + r.IntN(500), Pace: time.Duration(2+r.IntN(400)) * time.Millisecond,
		Loops: 1 + r.IntN(3), Version3: r.IntN(2) == 0, Counting: r.IntN(2) == 0, RunMiddlewares: r.IntN(3) == 0,
		BusDelay: time.Duration(1+r.IntN(300)) * time.Millisecond, Tight: r.IntN(4) == 0, Locks: r.IntN(5) == 0,
		Faults: looptest.Faults{Cut: r.Float64(), ShortSend: r.Float64() / 2, Linger: r.Float64(), LostMove: 0},
	}
	if r.IntN(2) == 0 {
		o.Nodes = 3
	}
	if r.IntN(2) == 0 {
		o.Recovery = time.Duration(5+r.IntN(60)) * time.Second
	}
	if r.IntN(4) == 0 {
		o.Double = r.Float64() / 2
	}
	if r.IntN(2) == 0 {
		o.Faults.Interrupt = r.Float64()
	}
	if r.IntN(8) == 0 {
		o.Faults.LostMove = 0.2
	}
	return o
}

// config is the servers' configuration.
func (o Options) config() sio.Config {
	cfg := sio.Config{
		Loops: o.Loops, AllowEIO3: true, PingInterval: 10 * time.Second, PingTimeout: 5 * time.Second, LeaveTimeout: 2 * time.Second,
	}
	if o.Recovery > 0 {
		cfg.ConnectionStateRecovery = &sio.Recovery{MaxDisconnectionDuration: o.Recovery, RunMiddlewares: o.RunMiddlewares}
	}
	if o.Tight {
		cfg.MaxPending, cfg.MaxHandlers, cfg.MaxUnjoined = 4, 3, 2
		cfg.MaxNamespaces, cfg.MaxDynamicNamespaces = 2, 1
		cfg.MaxSessions, cfg.MaxConnections = int64(2+o.Clients/2), 4+o.Clients
		cfg.MaxQueued = 32 << 10
		if r := cfg.ConnectionStateRecovery; r != nil {
			r.MaxPackets, r.MaxSessions = 16, 3
			r.MaxTotalBytes, r.MaxTotalSessions = 64<<10, 5
		}
	}
	return cfg
}

// inspect checks what must hold at any time.
func (w *World) inspect() {
	invariants.Orders.Store(false) // what follows would dominate
	defer invariants.Orders.Store(w.opt.Locks)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, n := range w.nodes {
		if !n.up {
			continue
		}
		w.checkRooms(n, false)
		w.checkBounds(n)
	}
}

// checkRooms compares the rooms of a node with the model. w.mu is held.
func (w *World) checkRooms(n *node, settled bool) {
	for _, ns := range n.server.Namespaces() {
		want := make(map[string][2]int) // at least, at most
		low, high := 0, 0
		for _, mb := range n.members {
			if mb.nsp != ns.Name() || !mb.server.Connected() && !mb.mayBeBack() {
				continue
			}
			sure := mb.stage != entering && mb.server.Connected()
			high++
			if sure {
				low++
			}
			for _, room := range append(roomNames, "e") {
				b := want[room]
				if mb.rooms[room] || mb.unsure[room] {
					b[1]++
				}
				if sure && mb.rooms[room] && !mb.unsure[room] {
					b[0]++
				}
				want[room] = b
			}
		}
		if k := ns.Len(); k < low || k > high {
			w.fail(fmt.Sprintf("%s of node %d has %d sockets, want %d to %d", ns.Name(), n.index, k, low, high))
		}
		for _, room := range append(roomNames, "e") {
			if k, b := ns.Count(room), want[room]; k < b[0] || k > b[1] {
				w.fail(fmt.Sprintf("room %s of %s of node %d has %d sockets, want %d to %d", room, ns.Name(), n.index, k, b[0], b[1]))
			}
		}
	}
}

// checkBounds checks that each total is within its bound.
func (w *World) checkBounds(n *node) {
	st := n.server.Stats()
	for _, b := range []struct {
		name    string
		is, max int
	}{
		{"Clients", st.Clients, int(w.config.MaxSessions)},
		{"Unjoined", st.Unjoined, w.config.MaxUnjoined + w.opt.Loops - 1}, // another loop is told to close one
		{"Connections", int(st.Loop.Connections), w.config.MaxConnections},
		{"DynamicNamespaces", st.DynamicNamespaces, w.config.MaxDynamicNamespaces},
		{"HandlersRunning", st.HandlersRunning, w.config.MaxHandlers},
		{"Sockets", st.Sockets, 0},
		{"Pending", st.Pending, st.Clients * (w.config.MaxPending + 2*len(namespaces))},
		{"PendingBytes", st.PendingBytes, 0},
		{"PendingStranded", st.PendingStranded, 0},
		{"PendingLate", st.PendingLate, 0},
		{"PendingLateBytes", st.PendingLateBytes, 0},
		{"Held", st.Held, 0},
		{"Receiving.Bytes", st.Receiving.Bytes, 256 << 20},
		{"Handshakes.Bytes", int(st.Handshakes.Bytes), 0},
		{"Recovery.Bytes", st.Recovery.Bytes, int(w.kept().MaxTotalBytes)},
		{"Recovery.Packets", st.Recovery.Packets, len(n.server.Namespaces()) * w.kept().MaxPackets},
		{"Recovery.Sessions", st.Recovery.Sessions, w.kept().MaxTotalSessions + len(n.server.Namespaces())},
	} {
		if b.is < 0 || w.opt.Tight && b.max > 0 && b.is > b.max {
			w.fail(fmt.Sprintf("node %d: %s is %d, must be at most %d", n.index, b.name, b.is, b.max))
		}
	}
	for _, c := range w.clients {
		if joins := c.joins(); w.opt.Tight && joins > w.config.MaxNamespaces {
			w.fail(fmt.Sprintf("client %d is in %d namespaces, may be in %d", c.id, joins, w.config.MaxNamespaces))
		}
	}
}

// kept are the limits of recovery.
func (w *World) kept() sio.Recovery {
	if r := w.config.ConnectionStateRecovery; r != nil {
		return *r
	}
	return sio.Recovery{}
}

// joins is how many namespaces beside "/" the client is in.
func (c *client) joins() (count int) {
	for _, s := range c.sockets {
		if c.alive && s.state == joined && s.nsp != "/" {
			count++
		}
	}
	return count
}

// checkEmpty checks that nothing is left of the clients.
func (w *World) checkEmpty(n *node) {
	w.mu.Lock()
	defer w.mu.Unlock()
	st := n.server.Stats()
	for name, value := range map[string]int{
		"Clients": st.Clients, "Unjoined": st.Unjoined, "Sockets": st.Sockets, "DynamicNamespaces": st.DynamicNamespaces,
		"Connections": int(st.Loop.Connections), "Pending": st.Pending, "PendingBytes": st.PendingBytes, "PendingStranded": st.PendingStranded,
		"PendingLate": st.PendingLate, "PendingLateBytes": st.PendingLateBytes, "HandlersRunning": st.HandlersRunning,
		"HandlersWaiting": st.HandlersWaiting, "Held": st.Held, "Receiving.Bytes": int(st.Receiving.Bytes),
		"Handshakes.Bytes": int(st.Handshakes.Bytes), "Recovery.Sessions": st.Recovery.Sessions, "Recovery.Packets": st.Recovery.Packets,
		"Recovery.Bytes": st.Recovery.Bytes,
	} {
		if value != 0 {
			w.fail(fmt.Sprintf("node %d: %s is %d when all clients have left", n.index, name, value))
		}
	}
}
