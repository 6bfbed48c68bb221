package sio

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/sioserver/sioserver/codec/socketio"
	"github.com/sioserver/sioserver/sio/adapter"
)

// serverHandler is a handler for what other servers emit, known by its address.
type serverHandler struct {
	event string
	call  func(e *ServerEvent)
}

// ServerEvent is an event that another server has emitted to this one: see
// [Namespace.ServerSideEmit]. It may be kept, and is safe for concurrent use.
type ServerEvent struct {
	RawArgs
	name  string
	reply func(a adapter.Answer) // nil when no answer is expected
	acked atomic.Bool
}

// Name is the event's name.
func (e *ServerEvent) Name() string { return e.name }

// WantsAck reports whether the other server asked for an answer. It stays true
// after the answer.
func (e *ServerEvent) WantsAck() bool { return e.reply != nil }

// Ack answers with one value, which the other server gets as the first of
// [RawArgs]. It returns [ErrAcked] when no answer is expected any more.
func (e *ServerEvent) Ack(v any) error {
	if e.reply == nil || e.acked.Load() {
		return ErrAcked
	}
	args, err := rawArgs([]any{v})
	if err != nil {
		return err
	}
	if e.acked.Swap(true) {
		return ErrAcked
	}
	e.reply(adapter.Answer{Data: args.Raw(0), Attachments: args.attachments})
	return nil
}

// rawArgs encodes values as the arguments of an event.
func rawArgs(args []any) (RawArgs, error) {
	args, err := spread(args, takesJSON)
	if err != nil {
		return RawArgs{}, err
	}
	b, attachments, err := socketio.AppendAck(nil, "/", 0, args)
	if err != nil {
		return RawArgs{}, err
	}
	h, err := socketio.ParseHeader(b, max(len(attachments), 1))
	if err != nil {
		return RawArgs{}, err
	}
	for i, a := range attachments {
		attachments[i] = slices.Clone(a) // it is the caller's
	}
	raw, err := socketio.SplitAck(h.Data)
	return RawArgs{raw: raw, attachments: attachments}, err
}

// checkServerEvent returns an error for events that namespaces emit themselves,
// and for names that other servers can't be told.
func (ns *Namespace) checkServerEvent(event string) error {
	if socketio.ReservedServerSide(event) {
		return fmt.Errorf("%w: %q", ErrReservedEvent, event)
	}
	return adapter.CheckNames([]string{ns.name, event})
}

// ServerSideEmit sends an event to the handlers of this namespace on the other
// servers: see [Namespace.OnServerEvent]. Without an adapter to other servers
// it only logs a warning.
func (ns *Namespace) ServerSideEmit(event string, args ...any) error {
	if err := ns.checkServerEvent(event); err != nil {
		return err
	}
	return ns.peers.serverEmit(event, args)
}

// ServerSideEmitAck is ServerSideEmit for an event that every other server is
// to answer with one value. Without other servers it returns none, at once.
// When ctx ends first, or the time that the adapter gives them, it returns the
// answers that have come, and an [*AckError] with them and the number of
// servers that have not answered.
func (ns *Namespace) ServerSideEmitAck(ctx context.Context, event string, args ...any) ([]RawArgs, error) {
	if err := ns.checkServerEvent(event); err != nil {
		return nil, err
	}
	answers, err := ns.peers.serverEmitAck(ctx, event, args)
	responses := make([]RawArgs, len(answers))
	for i, a := range answers {
		responses[i] = rawAnswer(a)
		responses[i].text = true
	}
	if err != nil {
		err = &AckError{Responses: responses, Missing: missing(err), Err: adapter.TimedOut(err)}
	}
	return responses, err
}

// OnServerEvent adds a handler for what other servers emit to this namespace
// with ServerSideEmit. It runs on a goroutine of the adapter. In a cluster
// (package cluster) events are handled at the same time, in no certain order,
// on up to cluster.Config's Handlers goroutines, so h must be safe for
// concurrent use. off removes it.
func (ns *Namespace) OnServerEvent(event string, h func(e *ServerEvent)) (off func()) {
	wantHandler("OnServerEvent", h != nil)
	own := &serverHandler{event, h}
	ns.updateHooks(func(k *hooks) { k.server = with(k.server, own) })
	return func() { ns.updateHooks(func(k *hooks) { k.server = without(k.server, own) }) }
}

// serverEvent calls the handlers for what another server has emitted.
func (ns *Namespace) serverEvent(p adapter.Packet, reply func(a adapter.Answer)) {
	args, err := rawArgs(p.Args)
	if err != nil {
		ns.srv.cfg.Logger.Debug("sio: invalid event from another server", "event", p.Event, "error", err)
		return
	}
	args.text = true
	e := &ServerEvent{RawArgs: args, name: p.Event, reply: reply}
	for _, h := range ns.hooks.Load().server {
		if h.event == p.Event {
			ns.srv.apart(p.Event, func() { h.call(e) })
		}
	}
}
