package otelsio

import (
	"context"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/sioserver/sioserver/sio"
)

// Config configures a [Tracer]. The zero value uses the global provider and the
// W3C's trace context.
type Config struct {
	// TracerProvider makes the spans; otel.GetTracerProvider() when nil.
	TracerProvider trace.TracerProvider
	// Propagator writes and reads the context between servers;
	// propagation.TraceContext when nil. All servers need the same.
	Propagator propagation.TextMapPropagator
}

// Tracer traces servers. It is safe for concurrent use.
type Tracer struct {
	tracer     trace.Tracer
	propagator propagation.TextMapPropagator
}

// New returns a tracer.
func New(cfg Config) *Tracer {
	if cfg.TracerProvider == nil {
		cfg.TracerProvider = otel.GetTracerProvider()
	}
	if cfg.Propagator == nil {
		cfg.Propagator = propagation.TraceContext{}
	}
	return &Tracer{cfg.TracerProvider.Tracer("github.com/sioserver/sioserver/sio/otelsio"), cfg.Propagator}
}

// attributes are those of all spans.
func attributes(namespace, event string, more ...attribute.KeyValue) []attribute.KeyValue {
	return append([]attribute.KeyValue{
		attribute.String("socketio.namespace", namespace), attribute.String("socketio.event", event),
	}, more...)
}

// end ends a span with what has become of its work. returned is false if that
// has panicked or ended its goroutine.
func end(span trace.Span, returned bool, err error) {
	switch {
	case !returned:
		span.SetStatus(codes.Error, "the handler has not returned")
	case err != nil:
		span.RecordError(err)
		span.SetStatus(codes.Error, err.Error())
	}
	span.End()
}

// WrapHandler makes a span of each call of a handler, which is in the context
// that the handler gets. It is a [sio.HandlerWrapper], for
// [sio.Config.WrapHandlers].
func (t *Tracer) WrapHandler(of sio.HandlerInfo, next sio.HandlerFunc) sio.HandlerFunc {
	event := of.Event
	switch of.Kind {
	case sio.AnyHandler:
		event = "(any)"
	case sio.PacketMiddleware:
		event = "(packet)"
	}
	name, common := "receive "+event, trace.WithAttributes(attributes(of.Namespace, event)...)
	return func(ctx context.Context, e *sio.Event) (err error) {
		ctx, span := t.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindConsumer), common,
			trace.WithAttributes(attribute.String("socketio.socket", e.Socket().ID())))
		returned := false
		defer func() { end(span, returned, err) }()
		err = next(ctx, e)
		returned = true
		return err
	}
}

// Acks returns to with a span for each emit that waits for an acknowledgement,
// from the emit to the answer. It is for [sio.EmitAck], and for sockets'
// emitters.
func (t *Tracer) Acks(to sio.AckEmitter) sio.AckEmitter { return acks{t, to} }

type acks struct {
	tracer *Tracer
	to     sio.AckEmitter
}

// EmitAck implements [sio.AckEmitter].
func (a acks) EmitAck(ctx context.Context, event string, args ...any) (answer sio.RawArgs, err error) {
	namespace, more := "", []attribute.KeyValue(nil)
	if s, ok := a.to.(*sio.Socket); ok {
		namespace, more = s.Namespace().Name(), []attribute.KeyValue{attribute.String("socketio.socket", s.ID())}
	}
	ctx, span := a.tracer.tracer.Start(ctx, "emit "+event, trace.WithSpanKind(trace.SpanKindProducer),
		trace.WithAttributes(attributes(namespace, event, more...)...))
	returned := false
	defer func() { end(span, returned, err) }()
	answer, err = a.to.EmitAck(ctx, event, args...)
	returned = true
	return answer, err
}
