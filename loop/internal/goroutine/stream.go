package goroutine

import (
	"crypto/tls"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/bytebufferpool"

	"github.com/sioserver/sioserver/loop/internal/backend"
)

// Owner gets the events of a Stream. Its methods are called with the stream's
// lock held, except Panicked.
type Owner interface {
	// Readable reports a chunk, or the end: see Stream.Chunk. It returns false
	// if the loop has ended.
	Readable() bool
	// Writable is the notice that Watch asked for.
	Writable(notice uint32)
	// Failed reports that writing is not possible any more: see Stream.Err.
	Failed()
	// Group returns that of the loop that owns the stream.
	Group() *Group
	// Panicked reports that a method of the net.Conn has panicked, with p, or
	// has ended its goroutine, with nil.
	Panicked(method string, p any)
}

// Group counts the goroutines of a loop's streams. It is safe for concurrent
// use.
type Group struct {
	All     *sync.WaitGroup // of all loops
	Written func()          // called when the last writing goroutine has ended
	writers atomic.Int64
}

// Writing reports whether there are writing goroutines.
func (g *Group) Writing() bool { return g.writers.Load() > 0 }

func (g *Group) beginWrite() {
	g.writers.Add(1)
	g.All.Add(1)
}

func (g *Group) endWrite() {
	if g.writers.Add(-1) == 0 {
		g.Written()
	}
	g.All.Done()
}

// Stream carries the bytes of a net.Conn between goroutines and a loop. It is
// its own Wire.
//
// One goroutine reads. It reports each chunk to the loop and reads the next one
// when the loop has handled it, so a slow loop slows its peers down. A second
// goroutine exists while there is something to write or close: the loop appends
// to a buffer, the goroutine takes that buffer as a whole and writes it while
// the loop fills the next one. When that is full too, Send returns less than it
// was given, as for a full send buffer of the kernel, and a notice follows when
// there is room.
//
// An idle stream costs one goroutine with its stack and a read buffer of 1 KiB,
// 5.4 KB in all with its Conn. A TLS connection costs 11 KB, with what
// crypto/tls and package net keep for it. A connection in gnet's poller costs
// 0.5 KB. See BenchmarkIdleStream and BenchmarkIdleConnection in package loop.
// A busy stream uses up to 32 KiB for reading and 128 KiB for writing, from
// pools.
//
// Its methods belong to the owning loop's goroutine, except Lock and Unlock.
// The lock is taken before that of a loop's mailbox.
type Stream struct {
	nc    net.Conn
	owner Owner

	// Owned by the reading goroutine, and by the loop from Readable to Taken.
	chunk    []byte
	chunkErr error         // the end of the stream; there is no chunk then
	taken    chan struct{} // the loop does not need the chunk any more

	mu     sync.Mutex                 // guards what follows, except Held
	out    *bytebufferpool.ByteBuffer // is written next; nil when empty
	err    error                      // writing has failed
	exit   *exit                      // set when closed or released
	notice uint32                     // the notice to be given; 0 for none
	state  state

	// Held is for the owner: it holds the chunk and will call Taken or Drop.
	// Loop-owned.
	Held bool
}

type state uint8

const (
	reading state = 1 << iota // the reading goroutine exists
	writing                   // the writing goroutine exists
	ending                    // the writing goroutine is to call closeWrite
)

// Init prepares s, which reports to owner. Deadlines that are set on nc are
// removed.
func (s *Stream) Init(nc net.Conn, owner Owner) {
	_ = nc.SetDeadline(time.Time{})
	s.nc, s.owner, s.taken = nc, owner, make(chan struct{}, 1)
}

// Start starts reading. The caller holds no lock.
func (s *Stream) Start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state |= reading
	group := s.owner.Group().All
	group.Add(1)
	go s.read(group)
}

// Lock locks the stream's lock: the owner's methods are called with it. Safe
// for concurrent use.
func (s *Stream) Lock() { s.mu.Lock() }

// Unlock is for Lock.
func (s *Stream) Unlock() { s.mu.Unlock() }

// RemoteAddr is the net.Conn's.
func (s *Stream) RemoteAddr() net.Addr { return s.nc.RemoteAddr() }

// Chunk returns what was read, which is the owner's until Taken, or the error
// that has ended the stream.
func (s *Stream) Chunk() ([]byte, error) { return s.chunk, s.chunkErr }

// Taken reports that the chunk was delivered, so the reading goroutine reads
// on. It or Drop is called once for each Readable.
func (s *Stream) Taken() {
	s.chunk = nil
	s.taken <- struct{}{}
}

// Drop is Taken for a chunk that was not delivered. If the stream is being
// released, the chunk is in Released.Unread.
func (s *Stream) Drop() { s.taken <- struct{}{} }

// Err returns the error that writing has failed with. The caller holds the
// lock.
func (s *Stream) Err() error { return s.err }

// Fd implements backend.Socket: a stream is its own Wire.
func (s *Stream) Fd() int { return -1 }

// Pause does nothing: the owner holds the next chunk, and the reading goroutine
// waits until it is taken.
func (s *Stream) Pause(backend.Socket) error { return nil }

// Plain reports whether nc is nothing but a descriptor.
func Plain(nc net.Conn) bool {
	switch nc := nc.(type) {
	case *net.TCPConn:
		return true
	case *net.UnixConn:
		return nc.LocalAddr().Network() == "unix"
	}
	return false
}

// Plain reports whether the net.Conn is nothing but a descriptor.
func (s *Stream) Plain() bool { return Plain(s.nc) }

// recoverCall is deferred around calls of the net.Conn's methods, which may be
// foreign code. If the call has panicked or has ended its goroutine, *finished
// is false. Then recoverCall reports that to the owner and calls unfinished.
// The owner comes first, so that it has counted the call before the connection
// is closed and before Shutdown returns. unfinished is deferred because the
// application's logger may end the goroutine.
func (s *Stream) recoverCall(method string, finished *bool, unfinished func()) {
	if *finished {
		return
	}
	p := recover()
	defer unfinished()
	s.owner.Panicked(method, p)
}

// TLS returns the net.Conn if it is a TLS connection, and nil otherwise.
func (s *Stream) TLS() *tls.Conn {
	nc, _ := s.nc.(*tls.Conn)
	return nc
}

// Descriptor is the connection's descriptor, or -1 when it is more than that or
// the system has none.
func (s *Stream) Descriptor() int {
	if !s.Plain() {
		return -1
	}
	return descriptor(s.nc)
}
