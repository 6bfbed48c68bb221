package sio

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/loop/invariants"
	"github.com/sioserver/sioserver/sio/internal/await"
	"github.com/sioserver/sioserver/sio/internal/recovery"
	"github.com/sioserver/sioserver/sio/internal/workers"
	"github.com/sioserver/sioserver/sio/internal/workload"
)

// Server is a Socket.IO server. It embeds its main namespace "/": On, Use, To,
// Emit and the other methods of [Namespace] act on that. It is safe for
// concurrent use.
type Server struct {
	*Namespace // "/"; must not be replaced

	cfg     Config
	eio     *eio.Server
	codec   codec
	workers workers.Pool
	byLoop  []perLoop
	each    workload.Limits // of what waits for one client
	share   workload.Limits // of what waits on one loop
	stats   stats
	events  *eventLimiter // nil without limits
	logs    logs

	tracesPackets bool // the log may ask for packets

	recoveryBudget recovery.Budget

	encoding   sync.Map       // sockets whose data is being encoded
	persisting sync.WaitGroup // sessions whose data is

	namespaces registry
	dynamic    atomic.Int64                 // children, until they are closed
	parents    atomic.Pointer[[]*Namespace] // replaced under mu
	leaving    atomic.Bool                  // Shutdown or Close was called
	closing    atomic.Bool                  // it has drained the server
	ended      atomic.Bool                  // Shutdown closes the adapters, or has
	closings   await.Runner                 // of adapters

	onNamespace atomic.Pointer[[]func(ns *Namespace)] // replaced under mu

	roomHooks await.Tally // hooks of OnRoom that run
	evicting  sync.Mutex  // see evict

	late, over context.Context // of late handlers; over has ended
	endLate    context.CancelCauseFunc
	hurry      context.Context // ends when Close is called
	endHurry   context.CancelFunc
	gaveUp     atomic.Bool  // Shutdown's context has ended
	givingUp   sync.Mutex   // held by giveUp
	unfinished atomic.Int64 // events dropped since
	heldTime   time.Duration

	mu       invariants.Mutex[Server] // guards writing parents and onNamespace
	made     int                      // parents so far
	engine   *loop.Engine
	host     *Server       // which this one is attached to; nil for none
	attached []*Server     // to this one
	done     chan struct{} // closed when the server has ended
}

// perLoop is what one loop owns of a server.
type perLoop struct {
	loop    atomic.Pointer[loop.Loop] // set with the first session
	ids     idSource
	scratch *Event // for inline handlers; nil while in use
	event   Event  // what scratch points to
	counts  counters
	held    map[*Socket]*heldPackets // what is held for sockets
	late    lateList
	cause   error // of the close that is under way; nil for none

	unjoined  unjoined
	backlog   backlog
	throttled throttledClients

	reported     int64       // bytes that the loop knows of; loop-owned
	reportedMuch atomic.Bool // that is reportMuch or more
	_            [64]byte    // keeps neighbours off this cache line
}

// counters are changed by one loop and read by any goroutine.
type counters struct {
	eventsIn, acksIn, packetsOut, volatileDropped atomic.Uint64
	refused, invalid, outOfOrder                  atomic.Uint64
	connectTimeouts, overflows, pauses, crowded   atomic.Uint64
	unjoinedEvicted, eventPauses, eventsRefused   atomic.Uint64
	slowClosed, droppedNewest, droppedOldest      atomic.Uint64
	held                                          atomic.Int64
	connected                                     atomic.Uint64
	disconnects, closes                           endCounts // any goroutine counts these
}

// stats are the counters that any goroutine changes.
type stats struct {
	errors, panics, unhandled, roomEventsDropped atomic.Uint64
	callsRefused                                 atomic.Uint64 // by Limit
	roomsRefused                                 atomic.Uint64
}

// heldPackets is what is held for a socket, with a reference each. Loop-owned.
type heldPackets struct {
	packets []encodedPacket
	bytes   int
	timer   *loop.Timer
}

// maxClosings is how many adapters are closed at the same time.
const maxClosings = 64

// perLoop returns what the loop owns. Loop-owned.
func (srv *Server) perLoop(l *loop.Loop) *perLoop { return &srv.byLoop[l.Index()] }

// loop returns the loop of a shard that has members, hence had a session.
func (srv *Server) loop(shard int) *loop.Loop { return srv.byLoop[shard].loop.Load() }
