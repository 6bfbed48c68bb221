package metrics

import (
	"context"
	"flag"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/sioserver/sioserver/sio"
)

var update = flag.Bool("update", false, "write testdata/metrics.txt")

// exported is what Prometheus gets of a server with the figures.
func exported(t *testing.T, st sio.Stats, more ...prometheus.Collector) string {
	t.Helper()
	reg := prometheus.NewPedanticRegistry()
	lag := func(context.Context) []time.Duration { return []time.Duration{time.Millisecond, 2 * time.Second} }
	adapters := map[string]func() any{"redis": func() any { return figures }}
	reg.MustRegister(newCollector(func() sio.Stats { return st }, lag, Config{Adapters: adapters}))
	reg.MustRegister(more...)
	w := httptest.NewRecorder()
	promhttp.HandlerFor(reg, promhttp.HandlerOpts{ErrorHandling: promhttp.PanicOnError}).
		ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}

type adapterStats struct {
	Published, TooLarge uint64
	Queued, QueuedBytes int
	DuplicateUIDs       uint64
	Connected           bool
	Nodes               nodeStats
	Name                string
	hidden              int
}

type nodeStats struct{ Lost uint64 }

var figures = adapterStats{Published: 3, QueuedBytes: 5, Connected: true, Nodes: nodeStats{7}, Name: "no number", hidden: 11}

// TestAllFigures: each number in a server's figures is exported.
func TestAllFigures(t *testing.T) {
	none := exported(t, sio.Stats{})
	n := 0
	var try func(path string, v reflect.Value, st *sio.Stats)
	try = func(path string, v reflect.Value, st *sio.Stats) {
		switch v.Kind() {
		case reflect.Struct:
			for i := range v.NumField() {
				try(path+"."+v.Type().Field(i).Name, v.Field(i), st)
			}
			return
		case reflect.Array:
			for i := range v.Len() {
				try(path+"[]", v.Index(i), st)
			}
			return
		case reflect.Map:
			v.Set(reflect.ValueOf(map[sio.Reason]uint64{sio.TransportClose: 4711}))
		case reflect.Int, reflect.Int64:
			v.SetInt(4711)
		case reflect.Uint64:
			v.SetUint(4711)
		default:
			t.Fatalf("%s is a %v", path, v.Type())
		}
		if n++; exported(t, *st) == none {
			t.Errorf("%s is not exported: it needs an entry in families.go", path)
		}
		v.SetZero()
	}
	st := new(sio.Stats)
	try("Stats", reflect.ValueOf(st).Elem(), st)
	if n < 70 {
		t.Errorf("only %d numbers", n)
	}
}

// TestNames compares names, labels and explanations with what is documented.
func TestNames(t *testing.T) {
	handlers := NewHandlers(HandlersConfig{Buckets: []float64{0.001, 1}})
	handlers.Wrap(sio.HandlerInfo{Namespace: "/", Event: "chat"}, nil)
	got := exported(t, sio.Stats{
		Disconnected: map[sio.Reason]uint64{sio.TransportClose: 1, sio.PingTimeout: 0},
		Closed:       map[sio.Reason]uint64{sio.TransportClose: 1, sio.PingTimeout: 0},
	}, handlers)
	path := filepath.Join("testdata", "metrics.txt")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is out of date: run go test ./sio/metrics -run TestNames -update\ngot:\n%s", path, got)
	}
}

// TestConventions has Prometheus' own checker look at the names.
func TestConventions(t *testing.T) {
	reg := prometheus.NewRegistry()
	handlers := NewHandlers(HandlersConfig{})
	handlers.Wrap(sio.HandlerInfo{Namespace: "/", Event: "chat"}, nil)
	lag := func(context.Context) []time.Duration { return []time.Duration{time.Millisecond} }
	st := sio.Stats{Closed: map[sio.Reason]uint64{sio.PingTimeout: 1}, Disconnected: map[sio.Reason]uint64{sio.PingTimeout: 1}}
	reg.MustRegister(newCollector(func() sio.Stats { return st }, lag,
		Config{Adapters: map[string]func() any{"redis": func() any { return figures }}}), handlers)
	problems, err := testutil.GatherAndLint(reg)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestAdapterFigures(t *testing.T) {
	got := exported(t, sio.Stats{})
	for _, line := range []string{
		`sioserver_adapter_published_total{adapter="redis"} 3`, `sioserver_adapter_queued_bytes{adapter="redis"} 5`,
		`sioserver_adapter_connected{adapter="redis"} 1`, `sioserver_adapter_nodes_lost_total{adapter="redis"} 7`,
		`sioserver_adapter_too_large_total{adapter="redis"} 0`, `sioserver_adapter_duplicate_uids_total{adapter="redis"} 0`,
	} {
		if !strings.Contains(got, "\n"+line+"\n") {
			t.Errorf("there is no %s", line)
		}
	}
	if strings.Contains(got, "hidden") || strings.Contains(got, "adapter_name") {
		t.Error("fields are exported that are no figures")
	}
	defer func() {
		if v, _ := recover().(string); !strings.Contains(v, "must return a struct") {
			t.Errorf("got %q", v)
		}
	}()
	newAdapter("redis", func() any { return 1 })
}

// TestNamesInFiles: the dashboard and the alerts ask for figures that exist,
// also where no Prometheus runs.
func TestNamesInFiles(t *testing.T) {
	names, err := os.ReadFile("testdata/metrics.txt")
	if err != nil {
		t.Fatal(err)
	}
	known := regexp.MustCompile(`sioserver_\w+`)
	exists := make(map[string]bool)
	for _, name := range known.FindAllString(string(names), -1) {
		exists[name] = true
	}
	suffix := regexp.MustCompile(`_(bucket|sum|count)$`)
	for _, file := range []string{"dashboard.json", "alerts.yml"} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		asked := known.FindAllString(string(b), -1)
		if len(asked) < 5 {
			t.Errorf("%s asks for %d figures", file, len(asked))
		}
		for _, name := range asked {
			if !exists[name] && !exists[suffix.ReplaceAllString(name, "")] && !strings.HasPrefix(name, "sioserver_adapter_") {
				t.Errorf("%s: there is no %s", file, name)
			}
		}
	}
}
