package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
	"github.com/sioserver/sioserver/sio/metrics"
)

// listen starts a server and returns its address.
func listen(t *testing.T, cfg sio.Config, setup func(srv *sio.Server)) (srv *sio.Server, addr string) {
	t.Helper()
	cfg.Logger = slog.New(slog.DiscardHandler)
	cfg.PingInterval = time.Hour
	cfg.Loops = 2
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

// join connects a client over WebSocket to "/".
func join(t *testing.T, addr string) *eiotest.Conn {
	t.Helper()
	c := eiotest.Dial(t, addr, "/socket.io/?EIO=4&transport=websocket")
	c.Next()
	c.Text("40")
	c.Next()
	return c
}

// value is the sum of the series whose names and labels begin so.
func value(t *testing.T, c prometheus.Collector, series string) (sum float64) {
	t.Helper()
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(c)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += fmt.Sprintf(" %s=%s", l.GetName(), l.GetValue())
			}
			if strings.HasPrefix(name+" ", series+" ") {
				sum += m.GetGauge().GetValue() + m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
				found = true
			}
		}
	}
	if !found {
		t.Errorf("there is no %s", series)
	}
	return sum
}

// TestScrape has clients do things and looks at what is exported.
func TestScrape(t *testing.T) {
	srv, addr := listen(t, sio.Config{}, func(srv *sio.Server) {
		sio.OnAck(srv, "echo", func(_ context.Context, _ *sio.Socket, text string) (string, error) { return text, nil })
		sio.On(srv, "fail", func(context.Context, *sio.Socket, sio.None) error { return errors.New("no") })
	})
	m := metrics.New(srv, metrics.Config{})
	a, b := join(t, addr), join(t, addr)
	for i := range 3 {
		a.Text(fmt.Sprintf(`42%d["echo","hello"]`, i))
		a.Expect(fmt.Sprintf(`43%d["hello"]`, i))
	}
	b.Text(`42["fail"]`, "41")
	opened := eiotest.Get(t, "http://"+addr+"/socket.io/?EIO=4&transport=polling")
	if opened.Status != 200 {
		t.Fatal(opened.Status)
	}
	eiotest.Get(t, "http://"+addr+"/socket.io/?EIO=4&transport=polling&sid=none")
	eiotest.Get(t, "http://"+addr+"/socket.io/?EIO=4&transport=pigeon")
	for series, want := range map[string]float64{
		"sioserver_connections transport=websocket":                      2,
		"sioserver_connections transport=polling":                        1,
		"sioserver_clients":                                              3,
		"sioserver_unjoined_clients":                                     1,
		"sioserver_handshakes_total transport=websocket":                 2,
		"sioserver_handshakes_total transport=polling":                   1,
		"sioserver_requests_refused_total reason=session ID unknown":     1,
		"sioserver_requests_refused_total reason=transport unknown":      1,
		"sioserver_socket_connects_total":                                2,
		"sioserver_sockets":                                              1,
		"sioserver_packets_received_total type=event":                    4,
		"sioserver_packets_sent_total":                                   3,
		"sioserver_application_errors_total":                             1,
		"sioserver_disconnects_total reason=client namespace disconnect": 1,
		"sioserver_sessions_closed_total":                                0,
	} {
		wait.Until(t, series, func() bool { return value(t, m, series) == want })
	}
	if value(t, m, "sioserver_received_bytes_total") == 0 || value(t, m, "sioserver_sent_bytes_total") == 0 {
		t.Error("no bytes are counted")
	}
	a.Close()
	b.Close()
	for series, want := range map[string]float64{
		"sioserver_connections transport=websocket":              0,
		"sioserver_disconnects_total reason=transport close":     1,
		"sioserver_sessions_closed_total reason=transport close": 2,
	} {
		wait.Until(t, series, func() bool { return value(t, m, series) == want })
	}
}

// TestUpgrades: a session that upgrades changes its transport, and one whose
// probe fails does not.
func TestUpgrades(t *testing.T) {
	srv, addr := listen(t, sio.Config{}, func(*sio.Server) {})
	m := metrics.New(srv, metrics.Config{})
	body := eiotest.Get(t, "http://"+addr+"/socket.io/?EIO=4&transport=polling").Body
	_, rest, _ := strings.Cut(body, `"sid":"`)
	sid, _, _ := strings.Cut(rest, `"`)
	probe := func() *eiotest.Conn { return eiotest.Dial(t, addr, "/socket.io/?EIO=4&transport=websocket&sid="+sid) }
	c := probe()
	c.Text("4nonsense")
	c.ExpectClose(0)
	wait.Until(t, "it has failed", func() bool { return value(t, m, "sioserver_upgrades_total result=failed") == 1 })
	c = probe()
	c.Text("2probe")
	c.Expect("3probe")
	c.Text("5")
	wait.Until(t, "it is upgraded", func() bool { return value(t, m, "sioserver_upgrades_total result=upgraded") == 1 })
	if value(t, m, "sioserver_connections transport=polling") != 0 || value(t, m, "sioserver_connections transport=websocket") != 1 {
		t.Error("the transport is counted wrongly")
	}
	c.Close()
	wait.Until(t, "it is closed", func() bool { return value(t, m, "sioserver_connections") == 0 })
}

// TestLag: a scrape waits for a blocked loop as long as it may, and says so.
func TestLag(t *testing.T) {
	blocked, release := make(chan struct{}), make(chan struct{})
	srv, addr := listen(t, sio.Config{}, func(srv *sio.Server) {
		srv.On("block", func(context.Context, *sio.Event) error {
			close(blocked)
			<-release
			return nil
		}, sio.Inline())
	})
	join(t, addr).Text(`42["block"]`)
	<-blocked
	if sum := value(t, metrics.New(srv, metrics.Config{LagTimeout: 20 * time.Millisecond}), "sioserver_loop_lag_seconds"); sum < 0.02 {
		t.Errorf("got %v", sum)
	}
	close(release)
	m := metrics.New(srv, metrics.Config{LagTimeout: time.Hour})
	wait.Until(t, "the loop is free", func() bool { return value(t, m, "sioserver_loop_lag_seconds") < 1 })
	before, _ := sio.New(sio.Config{})
	if n := testutil.CollectAndCount(metrics.New(before, metrics.Config{}), "sioserver_loop_lag_seconds"); n != 0 {
		t.Errorf("a server that does not listen has %d loops", n)
	}
}

// TestAdaptersOfSeveralTypes: they may have fields of the same name, as Redis
// adapters and directories have.
func TestAdaptersOfSeveralTypes(t *testing.T) {
	srv, _ := listen(t, sio.Config{}, func(*sio.Server) {})
	reg := prometheus.NewRegistry()
	type part struct{ Connected bool }
	if err := reg.Register(metrics.New(srv, metrics.Config{Adapters: map[string]func() any{
		"redis":     func() any { return struct{ Connected bool }{true} },
		"directory": func() any { return part{} },
	}})); err != nil {
		t.Fatal(err)
	}
	if n, err := testutil.GatherAndCount(reg, "sioserver_adapter_connected"); n != 2 || err != nil {
		t.Errorf("%d series, %v", n, err)
	}
}
