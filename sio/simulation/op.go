package simulation

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// kind is what an op makes a server do.
type kind int

const (
	emitSelf kind = iota
	emitRoom
	emitAll
	emitOthers
	emitSocket
	join
	leave
	emitAck
	emitAckRoom
	fetch
	count
	socketsJoin
	socketsLeave
	disconnectRoom
	disconnectSelf
	serverEmit
	serverEmitAck
	setData
	flush
	block
	panics
	goexit
	fails
	nothing
	kinds
)

var kindNames = [kinds]string{"emit to self", "emit to room", "emit to all", "emit to others", "emit to a socket", "join", "leave",
	"emit with ack", "emit to room with acks", "fetch sockets", "count", "sockets join", "sockets leave", "disconnect room",
	"disconnect self", "server emit", "server emit with acks", "set data", "flush", "block", "panic", "goexit", "fail", "nothing"}

// weights are how often an op is of a kind: of handlers, of inline handlers,
// and of the application.
var weights = [kinds][3]int{
	emitSelf:       {20, 20, 0},
	emitRoom:       {30, 20, 30},
	emitAll:        {8, 5, 10},
	emitOthers:     {8, 5, 0},
	emitSocket:     {8, 5, 10},
	join:           {20, 10, 0},
	leave:          {8, 5, 0},
	emitAck:        {8, 0, 0},
	emitAckRoom:    {4, 0, 6},
	fetch:          {3, 0, 5},
	count:          {3, 0, 5},
	socketsJoin:    {2, 0, 3},
	socketsLeave:   {2, 0, 3},
	disconnectRoom: {0, 0, 1},
	disconnectSelf: {1, 1, 0},
	serverEmit:     {2, 0, 3},
	serverEmitAck:  {2, 0, 3},
	setData:        {3, 2, 0},
	flush:          {2, 0, 0},
	block:          {4, 0, 0},
	panics:         {2, 1, 0},
	goexit:         {2, 0, 0},
	fails:          {2, 2, 0},
	nothing:        {10, 10, 0},
}

// acking is when a handler acknowledges its event.
type acking int

const (
	ackFirst acking = iota
	ackLast
	ackLater // on another goroutine
	ackTwice
	ackNever
	ackings
)

// op is what an event of a client, or the application, makes a server do.
type op struct {
	index         int
	kind          kind
	times         int // for emits
	rooms, except []string
	size          int
	binary        bool
	volatile      bool
	local         bool
	wait          time.Duration // of blocks, and for acknowledgements
	answers       time.Duration // of the clients
	skip          int           // see message.except
	wantsAck      bool
	acking        acking
	closes        bool // of disconnects: the connection, too
	pick          int  // of a socket
}

func (o *op) String() string {
	return fmt.Sprintf("%s ×%d rooms %v except %v, %d bytes, binary %v, volatile %v, local %v, wait %v, answers %v skip %d, ack %v/%d",
		kindNames[o.kind], o.times, o.rooms, o.except, o.size, o.binary, o.volatile, o.local, o.wait, o.answers, o.skip, o.wantsAck, o.acking)
}

// answered reports whether the handler of a live socket acknowledges.
func (o *op) answered() bool {
	if o.acking == ackFirst || o.acking == ackTwice {
		return true
	}
	return o.acking != ackNever && o.kind != panics && o.kind != goexit && o.kind != fails && o.kind != disconnectSelf
}

// newOp draws an op of column column of weights.
func newOp(r *rand.Rand, column int) *op {
	total := 0
	for _, w := range weights {
		total += w[column]
	}
	at, k := r.IntN(total), kind(0)
	for at >= weights[k][column] {
		at -= weights[k][column]
		k++
	}
	o := &op{
		kind: k, times: 1 + r.IntN(3), size: r.IntN(60), binary: r.IntN(6) == 0, volatile: r.IntN(8) == 0, local: r.IntN(6) == 0,
		wait: time.Duration(100+r.IntN(5000)) * time.Millisecond, answers: time.Duration(r.IntN(1500)) * time.Millisecond,
		wantsAck: r.IntN(3) == 0, acking: acking(r.IntN(int(ackings))), closes: r.IntN(2) == 0, pick: r.IntN(1 << 20),
	}
	if r.IntN(10) == 0 {
		o.size = r.IntN(9000)
	}
	if r.IntN(3) == 0 {
		o.answers = never
	}
	if r.IntN(3) == 0 {
		o.skip = 2 + r.IntN(3)
	}
	for range 1 + r.IntN(2) {
		o.rooms = append(o.rooms, roomNames[r.IntN(len(roomNames))])
	}
	for range r.IntN(3) {
		o.except = append(o.except, roomNames[r.IntN(len(roomNames))])
	}
	return o
}

var (
	roomNames  = []string{"a", "b", "c", "d"}
	namespaces = []string{"/", "/x", "/dyn-1", "/dyn-2"}
)
