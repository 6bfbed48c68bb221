package sio

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/sioserver/sioserver/codec/socketio"
	"github.com/sioserver/sioserver/eio/ratelimit"
)

// Event is an event that a client has sent. Its arguments are raw JSON until
// they are bound.
//
// An event that came before its client left is handled although the socket has
// ended by then: see [HandlerFunc].
//
// An Event of an ordinary handler may be kept and is safe for concurrent use.
// An Event of an [Inline] handler is borrowed, with its arguments, until the
// handler returns.
type Event struct {
	RawArgs
	socket *Socket
	name   string
	id     uint64
	wants  bool
	begun  bool // what the namespace runs inline has been run
	taken  bool // a handler or middleware has been called since
	acked  atomic.Bool

	table    *handlerTable  // the namespace's, as of the event's arrival
	handlers *eventHandlers // of table; nil for none

	// A queued event has copies of its name and arguments, to which RawArgs
	// refers. So nothing is split a second time.
	buf     []byte // the name, then the arguments
	nameLen int
	unnamed bool // the packet had no content
}

var events = sync.Pool{New: func() any { return new(Event) }}

// keepBuffer is the largest buffer that a recycled event holds on to.
const keepBuffer = 4096

// HandlerFunc handles one event. ctx is done when the socket is disconnected:
// it is that of [Socket.Context].
//
// A handler that starts after the client has left, for an event that was sent
// before, has a context of its own, so that it can store what was sent. That
// ends when the handler returns, at the latest [Config.LeaveTimeout] after it
// has started, and when the context of [Server.Shutdown] ends; its cause is
// then [ErrDisconnected]. While sockets wait for one of [Config].MaxHandlers it
// may end earlier, but not in the first eighth of that time. When a handler has
// let it end, those of the socket that start later get one that has ended.
//
// A returned error is logged at debug level, counted, and given to
// [Config.OnError]. The client gets it as the acknowledgement if it is an
// [*Error] or [Config.AnswerErrors] is set; otherwise it does not learn of it.
type HandlerFunc func(ctx context.Context, e *Event) error

// handler is a registered handler, known by its address. Immutable once
// registered.
type handler struct {
	call   HandlerFunc
	limit  ratelimit.Limit // of calls for each socket
	inline bool
	once   bool
	lends  bool
}

// handlerTable is what a namespace, or a socket, does with events. Immutable:
// it is edited as a copy.
type handlerTable struct {
	byEvent map[string]*eventHandlers
	any     []*handler // catch-all handlers, then
	use     []*handler // packet middlewares, before those of byEvent
	serial  bool       // not all of any and use are inline: all runs queued
}

// eventHandlers are the handlers of one event. Immutable.
type eventHandlers struct {
	event          string
	inline, queued []*handler
	keeps          bool // a handler may keep the event
}

// first reports whether something has to run before those of byEvent.
func (t *handlerTable) first() bool { return t != nil && len(t.any)+len(t.use) > 0 }

func (e *Event) begin(s *Socket, h socketio.Header, t *handlerTable, r *eventHandlers) {
	e.socket = s
	e.table, e.handlers = t, r
	e.id, e.wants = h.ID, h.HasID
	if r != nil {
		e.name = r.event
	}
}

// keep copies the name, nil for none, and the arguments into the event.
func (e *Event) keep(name []byte, args RawArgs) {
	e.buf = append(e.buf, name...)
	e.nameLen, e.unnamed = len(name), name == nil
	e.RawArgs = args
	if args.parsed != nil {
		e.buf = args.parsed.copyTo(e.buf)
	} else {
		e.RawArgs.raw, e.buf = args.raw.CopyTo(e.buf)
	}
}

func (e *Event) reset() {
	buf := e.buf[:0]
	if cap(buf) > keepBuffer {
		buf = nil
	}
	e.RawArgs = RawArgs{}
	e.socket, e.table, e.handlers, e.name = nil, nil, nil, ""
	e.id, e.wants, e.begun, e.taken = 0, false, false, false
	e.buf, e.nameLen, e.unnamed = buf, 0, false
	e.acked.Store(false)
}

// Socket is the socket that received the event.
func (e *Event) Socket() *Socket { return e.socket }

// Name is the event's name; numbers are given as their text.
func (e *Event) Name() string { return e.name }

// WantsAck reports whether the client asked for an acknowledgement. It stays
// true after Ack.
func (e *Event) WantsAck() bool { return e.wants }

// Ack acknowledges the event with args, which are those of the callback that
// the client has passed to its emit. It may be called from any goroutine, also
// after the handler has returned (see [Event.Reply] for inline handlers). Only
// the first call counts: later ones, and those for an event that asked for
// none, do nothing and return [ErrAcked]. Args that can't be encoded are an
// error that does not count. [RawArgs] are passed on as for [Socket.Emit].
func (e *Event) Ack(args ...any) error {
	if !e.wants {
		return ErrAcked
	}
	return e.socket.sendAck(e.id, &e.acked, args)
}

// AckArgs is Ack for arguments that are not decoded, such as the event's own,
// which are passed on as they are. Ack does the same; nothing is allocated by
// AckArgs unless they have binary values or the server has a [Parser]. They may
// be borrowed.
func (e *Event) AckArgs(args RawArgs) error {
	if !e.socket.ns.srv.codec.copies(args) {
		return e.Ack(args)
	}
	if !e.wants || !e.acked.CompareAndSwap(false, true) {
		return ErrAcked
	}
	if !e.socket.open() {
		return ErrDisconnected
	}
	return e.socket.post(encodeRawAck(e.socket.ns, e.id, args), false)
}

// Reply takes the acknowledgement out of the event, for a handler whose event
// is borrowed: the event itself counts as acknowledged from then on.
func (e *Event) Reply() *Reply {
	r := &Reply{socket: e.socket, id: e.id}
	r.used.Store(!e.wants || e.acked.Swap(true))
	return r
}

// Reply is an acknowledgement still to be given. It is safe for concurrent use.
type Reply struct {
	socket *Socket
	id     uint64
	used   atomic.Bool
}

// Ack gives the acknowledgement: see [Event.Ack].
func (r *Reply) Ack(args ...any) error {
	return r.socket.sendAck(r.id, &r.used, args)
}

// run calls the handlers of the namespace, except those that the loop has
// called, and of the socket, on the socket's queue. It implements job.
func (e *Event) run(s *Socket) {
	if !s.handles() {
		e.drop(s)
		return
	}
	name := e.buf[:e.nameLen]
	own := s.own()
	var ofSocket *eventHandlers
	if own != nil && !e.unnamed {
		ofSocket = own.byEvent[string(name)]
	}
	switch {
	case e.handlers != nil:
	case ofSocket != nil:
		e.name = ofSocket.event
	default:
		e.name = string(name)
	}
	if e.runAll(own, ofSocket) {
		e.recycle()
	}
}

// runAll calls the handlers in their order. It reports whether none of them may
// have kept the event.
func (e *Event) runAll(own *handlerTable, ofSocket *eventHandlers) (done bool) {
	whole := !e.begun
	done = !(whole && e.table.first()) && !own.first()
	for _, r := range [...]*eventHandlers{e.handlers, ofSocket} {
		done = done && (r == nil || !r.keeps && (e.begun || len(r.inline) == 0))
	}
	tables := [...]*handlerTable{nil, own}
	if whole {
		tables[0] = e.table
	}
	if !tables[0].first() && !own.first() {
		e.runNamed(ofSocket)
		return done
	}
	defer func() {
		if e.runUse(tables[0], false) && e.runUse(own, false) {
			e.runNamed(ofSocket)
		}
	}()
	inTurn(tables[:], e.runAny)
	return done
}

// runNamed calls the handlers of the event's name.
func (e *Event) runNamed(ofSocket *eventHandlers) {
	var room [4][]*handler
	lists := room[:0]
	add := func(list []*handler) {
		if len(list) > 0 {
			lists = append(lists, list)
		}
	}
	for _, r := range [...]*eventHandlers{e.handlers, ofSocket} {
		if r == nil {
			continue
		}
		if !e.begun {
			add(r.inline)
		}
		add(r.queued)
	}
	inTurn(lists, e.runList)
}

// runList calls handlers until the application ends the socket. If it does so
// before the first, that is called all the same: an event is handled or
// counted.
func (e *Event) runList(list []*handler) { inTurn(list, e.runOne) }

func (e *Event) runOne(h *handler) {
	if !e.taken || e.socket.handles() {
		e.taken = true
		e.socket.ns.srv.runHandler(h, e)
	}
}

func (e *Event) runAny(t *handlerTable) {
	if t != nil {
		e.taken = e.taken || len(t.any) > 0
		inTurn(t.any, func(h *handler) { e.socket.ns.srv.runHandler(h, e) })
	}
}

// runUse calls packet middlewares and reports whether the event may pass.
func (e *Event) runUse(t *handlerTable, onLoop bool) bool {
	if t == nil {
		return true
	}
	for _, h := range t.use {
		e.taken = true
		if !e.passes(h, onLoop) {
			return false
		}
	}
	return true
}

// passes calls a packet middleware. One that ends its goroutine rejects the
// event.
func (e *Event) passes(h *handler, onLoop bool) bool {
	err := errMiddleware
	defer func() {
		if err != nil {
			e.socket.ns.srv.countError(e.socket, "sio: event rejected", e.name, err)
			e.socket.queueError(err, onLoop)
		}
	}()
	if err = e.socket.ns.srv.runPacketMiddleware(h, e); err != nil {
		e.answer(err)
	}
	return err == nil
}

func (e *Event) recycle() {
	e.reset()
	events.Put(e)
}

// lapses implements job: handlers are not called for a socket that the
// application has ended.
func (e *Event) lapses(state uint32) bool { return state != stateLeft }

// drop implements job.
func (e *Event) drop(s *Socket) {
	srv := s.ns.srv
	srv.stats.unhandled.Add(1)
	if srv.gaveUp.Load() {
		srv.unfinished.Add(1)
	}
	e.recycle()
}

// size implements job. It counts the list of a Parser's arguments, which may be
// larger than these.
func (e *Event) size() int {
	n := len(e.buf)
	if e.parsed != nil {
		n += argCost * len(e.parsed.list)
	}
	for _, a := range e.attachments {
		n += len(a)
	}
	return n
}

// runHandler calls a handler of an event and reports what comes of it.
func (srv *Server) runHandler(h *handler, e *Event) {
	s, name, finished := e.socket, e.name, false
	defer srv.rescue(s, name, &finished, nil)
	defer e.answerUnfinished(&finished)
	if err := h.run(e); err != nil {
		e.answer(err)
		srv.reportError(s, name, err)
	}
	finished = true
}

// run calls a handler with the context of the socket, or one of its own once
// the socket's client has left.
func (h *handler) run(e *Event) error {
	if e.socket.state.Load() == stateLeft {
		return h.callLate(e)
	}
	return h.call((*socketContext)(e.socket), e)
}

// runPacketMiddleware calls a packet middleware.
func (srv *Server) runPacketMiddleware(h *handler, e *Event) (err error) {
	finished := false
	defer srv.rescue(e.socket, e.name, &finished, func() { err = errMiddleware })
	err = h.run(e)
	finished = true
	return err
}

// with returns a longer copy of list: readers keep the old one.
func with[T any](list []T, v T) []T { return append(slices.Clip(list), v) }

// without returns a copy of list that lacks v.
func without[T comparable](list []T, v T) []T {
	return slices.DeleteFunc(slices.Clone(list), func(have T) bool { return have == v })
}

// wantHandler refuses a handler that is nil where it is registered, as it would
// panic for each event.
func wantHandler(method string, given bool) {
	if !given {
		panic("sio: " + method + ": the handler is nil")
	}
}
