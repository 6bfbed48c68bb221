package metrics_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
	"github.com/sioserver/sioserver/sio/metrics"
)

// queries returns the dashboard's, with values for its variables, by panel.
func queries(t *testing.T) map[string][]string {
	t.Helper()
	b, err := os.ReadFile("dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(b, &dashboard); err != nil {
		t.Fatal(err)
	}
	all := make(map[string][]string)
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			expr := strings.NewReplacer("$__rate_interval", "15s", "$job", "sio.*", "$instance", ".*").Replace(target.Expr)
			all[p.Title] = append(all[p.Title], expr)
		}
	}
	return all
}

// startPrometheus starts the real one, which scrapes target, and returns its
// URL.
func startPrometheus(t *testing.T, target string) string {
	t.Helper()
	path, err := exec.LookPath("prometheus")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	rules, err := filepath.Abs("alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config := fmt.Sprintf(`
global: {scrape_interval: 500ms, scrape_timeout: 400ms, evaluation_interval: 1s}
rule_files: [%q]
scrape_configs:
  - job_name: sioserver
    static_configs: [{targets: [%q]}]
`, rules, target)
	if err := os.WriteFile(filepath.Join(dir, "prometheus.yml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	addr := freeAddr(t)
	cmd := exec.Command(path, "--config.file="+filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+addr, "--log.level=warn")
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return "http://" + addr
}

// freeAddr returns an address below the ports of outgoing connections, so that
// none of these takes it before Prometheus does.
func freeAddr(t *testing.T) string {
	t.Helper()
	for port := 20_000 + os.Getpid()%10_000; port < 32_000; port++ {
		if l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", port)); err == nil {
			_ = l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("no port is free")
	return ""
}

// queryError is Prometheus' answer to a wrong query. Other errors pass once it
// has started.
type queryError struct{ text string }

func (e *queryError) Error() string { return e.text }

// ask returns what Prometheus answers, in "data".
func ask(prometheus, path string, data any) error {
	r, err := http.Get(prometheus + path)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	answer := struct {
		Status, Error string
		Data          any
	}{Data: data}
	if err := json.NewDecoder(r.Body).Decode(&answer); err != nil {
		return err
	}
	if answer.Status != "success" {
		return &queryError{answer.Error}
	}
	return nil
}

// TestDashboard has a real Prometheus scrape a server under load: each query of
// the dashboard returns values, and each rule for alerts can be evaluated.
func TestDashboard(t *testing.T) {
	handlers := metrics.NewHandlers(metrics.HandlersConfig{})
	srv, addr := listen(t, sio.Config{WrapHandlers: []sio.HandlerWrapper{handlers.Wrap}}, func(srv *sio.Server) {
		sio.OnAck(srv, "echo", func(_ context.Context, _ *sio.Socket, text string) (string, error) { return text, nil })
	})
	reg := prometheus.NewRegistry()
	adapters := map[string]func() any{"redis": func() any {
		return struct {
			Published, Received uint64
			Connected           bool
		}{1, 2, true}
	}}
	reg.MustRegister(metrics.New(srv, metrics.Config{Adapters: adapters}), handlers,
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	target := httptest.NewServer(promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	defer target.Close()
	prometheus := startPrometheus(t, strings.TrimPrefix(target.URL, "http://"))

	c := join(t, addr)
	n := 0
	load := func() {
		for range 10 {
			c.Text(fmt.Sprintf(`42%d["echo","hello"]`, n))
			c.Expect(fmt.Sprintf(`43%d["hello"]`, n))
			n++
		}
	}
	all := queries(t)
	if len(all) < 20 {
		t.Fatalf("the dashboard has %d panels with queries", len(all))
	}
	wait.Until(t, "all queries have values", func() bool {
		load()
		for panel, list := range all {
			for _, query := range list {
				var data struct {
					Result []struct{ Value [2]any }
				}
				err := ask(prometheus, "/api/v1/query?query="+url.QueryEscape(query), &data)
				if wrong := (*queryError)(nil); errors.As(err, &wrong) {
					t.Fatalf("%s: %s: %v", panel, query, err)
				}
				if err != nil || len(data.Result) == 0 || data.Result[0].Value[1] == "NaN" {
					return false
				}
			}
			delete(all, panel)
		}
		return true
	})
	var rules struct {
		Groups []struct {
			Rules []struct{ Name, Health, LastError string }
		}
	}
	wait.Until(t, "the alerts are evaluated", func() bool {
		if err := ask(prometheus, "/api/v1/rules", &rules); err != nil {
			return false
		}
		for _, g := range rules.Groups {
			for _, r := range g.Rules {
				if r.Health == "err" {
					t.Fatalf("%s: %s", r.Name, r.LastError)
				}
				if r.Health != "ok" {
					return false
				}
			}
		}
		return len(rules.Groups) == 1 && len(rules.Groups[0].Rules) >= 5
	})
}
