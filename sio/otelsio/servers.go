package otelsio

import (
	"context"
	"encoding/json"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/sioserver/sioserver/sio"
)

// carrier is the argument that has the context of a span.
type carrier struct {
	Trace propagation.MapCarrier `json:"otelsio"`
}

// maxCarrier is the size in bytes of the largest argument that is looked into.
const maxCarrier = 8 << 10

// carry returns args with the context of ctx's span behind them, if it has one.
func (t *Tracer) carry(ctx context.Context, args []any) []any {
	c := carrier{propagation.MapCarrier{}}
	if t.propagator.Inject(ctx, c.Trace); len(c.Trace) == 0 {
		return args
	}
	return append(args[:len(args):len(args)], c)
}

// ServerSideEmit is [sio.Namespace.ServerSideEmit] with a span, whose context
// the other servers get.
func (t *Tracer) ServerSideEmit(ctx context.Context, ns *sio.Namespace, event string, args ...any) (err error) {
	ctx, span := t.startServerEvent(ctx, ns, event)
	defer func() { end(span, true, err) }()
	return ns.ServerSideEmit(event, t.carry(ctx, args)...)
}

// ServerSideEmitAck is [sio.Namespace.ServerSideEmitAck] with a span until all
// answers have come, whose context the other servers get.
func (t *Tracer) ServerSideEmitAck(ctx context.Context, ns *sio.Namespace, event string, args ...any) (answers []sio.RawArgs, err error) {
	ctx, span := t.startServerEvent(ctx, ns, event)
	defer func() { end(span, true, err) }()
	return ns.ServerSideEmitAck(ctx, event, t.carry(ctx, args)...)
}

func (t *Tracer) startServerEvent(ctx context.Context, ns *sio.Namespace, event string) (context.Context, trace.Span) {
	return t.tracer.Start(ctx, "server event "+event, trace.WithSpanKind(trace.SpanKindProducer),
		trace.WithAttributes(attributes(ns.Name(), event)...))
}

// OnServerEvent is [sio.Namespace.OnServerEvent] with a span for each call of h,
// in its context. The span continues the trace of the server that has emitted
// the event by ServerSideEmit or ServerSideEmitAck of a Tracer. The argument
// with the context is the last one of e; one that binds those before does not
// see it.
func (t *Tracer) OnServerEvent(ns *sio.Namespace, event string, h func(ctx context.Context, e *sio.ServerEvent)) (off func()) {
	if h == nil {
		panic("otelsio: OnServerEvent: the handler is nil")
	}
	return ns.OnServerEvent(event, func(e *sio.ServerEvent) {
		ctx := context.Background()
		if n := e.Len(); n > 0 {
			var c carrier
			if last := e.Raw(n - 1); len(last) <= maxCarrier && json.Unmarshal(last, &c) == nil && c.Trace != nil {
				ctx = t.propagator.Extract(ctx, c.Trace)
			}
		}
		ctx, span := t.tracer.Start(ctx, "server event "+event, trace.WithSpanKind(trace.SpanKindConsumer),
			trace.WithAttributes(attributes(ns.Name(), event)...))
		returned := false
		defer func() { end(span, returned, nil) }()
		h(ctx, e)
		returned = true
	})
}
