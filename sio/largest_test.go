package sio_test

import (
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/sio"
)

// TestLargestNumbers has each number of Config and Recovery as large as it can
// be: it is refused by its name, or means what it says.
func TestLargestNumbers(t *testing.T) {
	fields := 0
	for _, typ := range []reflect.Type{reflect.TypeFor[sio.Config](), reflect.TypeFor[sio.Recovery]()} {
		for i := range typ.NumField() {
			if k := typ.Field(i).Type.Kind(); k != reflect.Int && k != reflect.Int64 {
				continue
			}
			fields++
			for _, value := range []int64{math.MaxInt64, math.MaxInt64/2 + 1, math.MaxInt64 / 3} {
				var r sio.Recovery
				cfg := sio.Config{ConnectionStateRecovery: &r}
				v := reflect.ValueOf(&cfg).Elem()
				if typ == v.Type() {
					v.Field(i).SetInt(value)
				} else {
					reflect.ValueOf(&r).Elem().Field(i).SetInt(value)
				}
				name := typ.Field(i).Name
				t.Run(name, func(t *testing.T) {
					if _, err := sio.New(cfg); err != nil {
						if !strings.Contains(err.Error(), name) {
							t.Errorf("%d: %v", value, err)
						}
						return
					}
					everything(t, cfg)
				})
			}
		}
	}
	if fields < 30 {
		t.Errorf("there are %d numbers only", fields)
	}
}

// everything has a client do a little of it.
func everything(t *testing.T, cfg sio.Config) {
	t.Helper()
	f := serve(t, cfg, func(f *fixture) {
		echo(f)
		f.Of("/a").OnConnection(func(s *sio.Socket) { s.Emit("ready") })
	})
	w, id := begin(t, f)
	w.send(`40/a,{"token":"` + strings.Repeat("x", 5000) + `"}`)
	if answer := w.recv(); !strings.HasPrefix(answer, `40/a,{"sid"`) {
		t.Fatalf("got %q", answer)
	}
	w.wantOffset(`42/a,["ready"]`)
	w.send(`451-["echo",`+p0+`]`, "b:01")
	if got := w.recv(); !strings.HasPrefix(got, `451-["echo",`+p0) {
		t.Errorf("got %q", got)
	}
	w.want("b:01")
	w.send(`42["echo","last"]`)
	id.Offset = w.wantOffset(`42["echo","last"]`)
	w.conn.Close()
	wantReason(t, f, "/ transport close")
	time.Sleep(5 * time.Millisecond) // for timers that overflow
	w = f.dial(t)
	w.send(id.connect())
	if again := connected(t, w.recv()); again.SID != id.SID {
		t.Error("the client is not recovered")
	}
}
