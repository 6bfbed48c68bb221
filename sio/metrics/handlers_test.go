package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
	"github.com/sioserver/sioserver/sio/metrics"
)

func TestHandlers(t *testing.T) {
	handlers := metrics.NewHandlers(metrics.HandlersConfig{MaxEvents: 5})
	_, addr := listen(t, sio.Config{WrapHandlers: []sio.HandlerWrapper{handlers.Wrap}}, func(srv *sio.Server) {
		sio.On(srv, "queued", func(context.Context, *sio.Socket, int) error { return nil })
		srv.On("inline", func(context.Context, *sio.Event) error { return errors.New("no") }, sio.Inline())
		srv.On("panic", func(context.Context, *sio.Event) error { panic("a bug") })
		srv.OnAny(func(context.Context, *sio.Event) error { return nil }, sio.Inline())
		srv.UsePacket(func(context.Context, *sio.Event) error { return nil }, sio.Inline())
		sio.On(srv, "sixth", func(context.Context, *sio.Socket, int) error { return nil })
		srv.OnConnection(func(s *sio.Socket) {
			s.On("seventh", func(context.Context, *sio.Event) error { return nil })
		})
	})
	c := join(t, addr)
	c.Text(`42["queued",1]`, `42["queued","no number"]`, `42["inline"]`, `42["panic"]`, `42["sixth",1]`, `42["seventh"]`, `42["of the client"]`)
	const calls, failed, panicked = "sioserver_handler_duration_seconds", "sioserver_handler_errors_total", "sioserver_handler_panics_total"
	for series, want := range map[string]float64{
		calls + " event=queued namespace=/":    2,
		failed + " event=queued namespace=/":   1,
		calls + " event=inline namespace=/":    1,
		failed + " event=inline namespace=/":   1,
		calls + " event=panic namespace=/":     1,
		panicked + " event=panic namespace=/":  1,
		failed + " event=panic namespace=/":    0,
		calls + " event=(any) namespace=/":     7,
		calls + " event=(packet) namespace=/":  7,
		calls + " event=other namespace=other": 2,
	} {
		wait.Until(t, series, func() bool { return value(t, handlers, series) == want })
	}
	if n := testutil.CollectAndCount(handlers, calls); n != 6 {
		t.Errorf("%d series, want 6", n)
	}
}

// TestClientsMakeNoSeries: names of events and namespaces that clients make up
// don't become labels.
func TestClientsMakeNoSeries(t *testing.T) {
	handlers := metrics.NewHandlers(metrics.HandlersConfig{MaxEvents: 10})
	_, addr := listen(t, sio.Config{WrapHandlers: []sio.HandlerWrapper{handlers.Wrap}}, func(srv *sio.Server) {
		srv.OnAny(func(_ context.Context, e *sio.Event) error {
			e.Socket().On(e.Name(), func(context.Context, *sio.Event) error { return nil }) // as no program should
			return nil
		})
	})
	c := join(t, addr)
	for i := range 100 {
		c.Text(fmt.Sprintf(`42["made up %d"]`, i))
	}
	const series = "sioserver_handler_duration_seconds"
	wait.Until(t, "all are handled", func() bool { return value(t, handlers, series+" event=(any) namespace=/") == 100 })
	if n := testutil.CollectAndCount(handlers, series); n > 11 {
		t.Errorf("%d series", n)
	}
}

// TestInvalidNames: a name that is not UTF-8 does not make registering panic.
func TestInvalidNames(t *testing.T) {
	handlers := metrics.NewHandlers(metrics.HandlersConfig{})
	h := handlers.Wrap(sio.HandlerInfo{Namespace: "/\xff", Event: "\xff"}, func(context.Context, *sio.Event) error { return nil })
	_ = h(t.Context(), nil)
	if got := value(t, handlers, "sioserver_handler_duration_seconds event=\ufffd namespace=/\ufffd"); got != 1 {
		t.Errorf("%v calls", got)
	}
}
