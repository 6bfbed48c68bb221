package eio_test

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/eio/eiotest"
)

// numbers are the paths of the fields of a struct that have numbers, those of
// what it points to included.
func numbers(t reflect.Type, path ...int) (paths [][]int) {
	for i := range t.NumField() {
		f := t.Field(i)
		at := append(path[:len(path):len(path)], i)
		switch {
		case !f.IsExported():
		case f.Type.Kind() == reflect.Int, f.Type.Kind() == reflect.Int64:
			paths = append(paths, at)
		case f.Type == reflect.TypeFor[*eio.Forwarding](), f.Type == reflect.TypeFor[*eio.PerMessageDeflate]():
			paths = append(paths, numbers(f.Type.Elem(), at...)...)
		}
	}
	return paths
}

// TestLargestNumbers has each number of Config, and those close to it that
// double or add up to an overflow, as large as it can be: it is refused by its
// name, or means what it says.
func TestLargestNumbers(t *testing.T) {
	all := numbers(reflect.TypeFor[eio.Config]())
	if len(all) < 18 {
		t.Errorf("there are %d numbers only", len(all))
	}
	for _, path := range all {
		for _, value := range []int64{math.MaxInt64, math.MaxInt64/2 + 1, math.MaxInt64 / 3} {
			cfg := eio.Config{Forwarding: &eio.Forwarding{}, PerMessageDeflate: &eio.PerMessageDeflate{}}
			v := reflect.ValueOf(&cfg).Elem().FieldByIndex(path[:1])
			name := reflect.TypeFor[eio.Config]().Field(path[0]).Name
			if len(path) > 1 {
				name = v.Type().Elem().Field(path[1]).Name
				v = v.Elem().Field(path[1])
			}
			v.SetInt(value)
			t.Run(name, func(t *testing.T) {
				known := &cluster{nodes: make(map[uint32]string)}
				cfg := cfg
				own := *cfg.Forwarding
				own.Directory = known.of(7)
				cfg.Forwarding = &own
				if _, err := eio.NewServer(cfg, &echo{}); err != nil {
					if !strings.Contains(err.Error(), name) {
						t.Errorf("%d: %v", value, err)
					}
					return
				}
				serves(t, cfg)
			})
		}
	}
}

// serves has two nodes do a little of everything.
func serves(t *testing.T, cfg eio.Config) {
	t.Helper()
	nodes, _ := startNodes(t, 2, cfg)
	a, b := nodes[0], nodes[1]
	url := a.polling(t)
	long := "4" + strings.Repeat("x", 3000)
	for _, at := range []string{url, via(url, a, b)} {
		wantResponse(t, eiotest.Post(t, at, long), 200, "ok")
		wantResponse(t, eiotest.Get(t, at), 200, long)
	}
	c := a.probe(t, url)
	c.Text("2probe")
	c.Expect("3probe")
	c.Text("5", long)
	c.Expect(long)
	c.Text("1")
	w := b.webSocket(t)
	w.Text(long)
	w.Expect(long)
	w.Text("1")
	wantResponse(t, eiotest.Get(t, "http://"+a.addr+"/other"), 404, "404 page not found\n")
}
