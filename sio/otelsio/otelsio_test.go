package otelsio_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter/redistest"
	"github.com/sioserver/sioserver/sio/otelsio"
)

// recorder returns a tracer and what it has recorded.
func recorder() (*otelsio.Tracer, *tracetest.InMemoryExporter) {
	spans := tracetest.NewInMemoryExporter()
	return otelsio.New(otelsio.Config{TracerProvider: sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))}), spans
}

// span waits for a span with the name.
func span(t *testing.T, spans *tracetest.InMemoryExporter, name string) (found tracetest.SpanStub) {
	t.Helper()
	wait.Until(t, name, func() bool {
		for _, s := range spans.GetSpans() {
			if s.Name == name {
				found = s
				return true
			}
		}
		return false
	})
	return found
}

func server(t *testing.T, cfg sio.Config, setup func(srv *sio.Server)) (srv *sio.Server, addr string) {
	t.Helper()
	cfg.Logger, cfg.PingInterval = slog.New(slog.DiscardHandler), time.Hour
	srv, err := sio.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	setup(srv)
	if err := srv.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Close() })
	return srv, srv.Addr().String()
}

func join(t *testing.T, addr string) *eiotest.Conn {
	t.Helper()
	c := eiotest.Dial(t, addr, "/socket.io/?EIO=4&transport=websocket")
	c.Next()
	c.Text("40")
	c.Next()
	return c
}

func TestHandlersAndAcks(t *testing.T) {
	tracer, spans := recorder()
	_, addr := server(t, sio.Config{WrapHandlers: []sio.HandlerWrapper{tracer.WrapHandler}}, func(srv *sio.Server) {
		sio.On(srv, "ask", func(ctx context.Context, s *sio.Socket, question string) error {
			_, err := sio.EmitAck[string](ctx, tracer.Acks(s), "question", question)
			return err
		})
		srv.On("fail", func(context.Context, *sio.Event) error { return errors.New("no") }, sio.Inline())
		srv.On("panic", func(context.Context, *sio.Event) error { panic("a bug") })
		srv.OnAny(func(context.Context, *sio.Event) error { return nil }, sio.Inline())
		srv.UsePacket(func(context.Context, *sio.Event) error { return nil }, sio.Inline())
	})
	c := join(t, addr)
	c.Text(`42["ask","why"]`)
	c.Expect(`420["question","why"]`)
	c.Text(`430["because"]`)
	handler, emit := span(t, spans, "receive ask"), span(t, spans, "emit question")
	if emit.Parent.SpanID() != handler.SpanContext.SpanID() || emit.SpanContext.TraceID() != handler.SpanContext.TraceID() {
		t.Error("the emit is not a child of the handler")
	}
	attrs := attribute.NewSet(handler.Attributes...)
	if v, _ := attrs.Value("socketio.namespace"); v.AsString() != "/" {
		t.Errorf("got %v", handler.Attributes)
	}
	if handler.Status.Code != codes.Unset {
		t.Errorf("the handler's status is %v", handler.Status)
	}
	c.Text(`42["fail"]`, `42["panic"]`, `42["made up"]`)
	if s := span(t, spans, "receive fail"); s.Status.Code != codes.Error || s.Status.Description != "no" {
		t.Errorf("the status is %v", s.Status)
	}
	if s := span(t, spans, "receive panic"); s.Status.Code != codes.Error {
		t.Errorf("the status is %v", s.Status)
	}
	span(t, spans, "receive (any)")
	span(t, spans, "receive (packet)")
	for _, s := range spans.GetSpans() {
		if s.Name == "receive made up" {
			t.Error("a client has made up the name of a span")
		}
	}
}

// TestBetweenServers: a trace goes on at another server, through a real Redis.
func TestBetweenServers(t *testing.T) {
	redis := redistest.Start(t)
	tracer, spans := recorder()
	got := make(chan string, 10)
	member := func() *sio.Server {
		client, err := redisadapter.NewClient(redis.URL())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = client.Close() })
		bus, err := redisadapter.NewPubSub(client, redisadapter.PubSubConfig{Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = bus.Close() })
		srv, _ := server(t, sio.Config{Adapter: bus.Adapter}, func(srv *sio.Server) {
			tracer.OnServerEvent(srv.Namespace, "job", func(ctx context.Context, e *sio.ServerEvent) {
				var name string
				if err := e.Bind(&name); err != nil {
					t.Error(err)
				}
				got <- name
				if e.WantsAck() {
					_ = e.Ack("done")
				}
			})
		})
		wait.Until(t, "it is connected", func() bool { return bus.Stats().Connected })
		return srv
	}
	a := member()
	member()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	check := func() {
		t.Helper()
		if name := eiotest.Receive(t, got); name != "clean up" {
			t.Errorf("got %q", name)
		}
		wait.Until(t, "both spans", func() bool { return len(spans.GetSpans()) == 2 })
		first, second := spans.GetSpans()[0], spans.GetSpans()[1]
		if first.Parent.IsValid() {
			first, second = second, first
		}
		if second.Parent.SpanID() != first.SpanContext.SpanID() || !second.Parent.IsRemote() ||
			second.SpanContext.TraceID() != first.SpanContext.TraceID() {
			t.Errorf("the other server does not continue the trace: %v, %v", first, second)
		}
		spans.Reset()
	}
	answers, err := tracer.ServerSideEmitAck(ctx, a.Namespace, "job", "clean up")
	if err != nil || len(answers) != 1 {
		t.Fatalf("got %v, %v", answers, err)
	}
	check()
	if err := tracer.ServerSideEmit(ctx, a.Namespace, "job", "clean up"); err != nil {
		t.Fatal(err)
	}
	check()

	// Without a context, and with arguments that look like one, a trace begins.
	for _, args := range [][]any{{"clean up"}, {"clean up", map[string]any{"otelsio": "nonsense"}}, {"clean up", map[string]any{"otelsio": map[string]string{"traceparent": "x"}}}} {
		if err := a.ServerSideEmit("job", args...); err != nil {
			t.Fatal(err)
		}
		eiotest.Receive(t, got)
		if s := span(t, spans, "server event job"); s.Parent.IsValid() {
			t.Errorf("%v: it has the parent %v", args, s.Parent)
		}
		spans.Reset()
	}
}
