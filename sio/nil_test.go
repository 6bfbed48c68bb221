package sio_test

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/sioserver/sioserver/sio"
)

// panicOf is what f panics with.
func panicOf(f func()) (p any) {
	defer func() { p = recover() }()
	f()
	return nil
}

// TestNilHandlers: a handler that is nil is refused where it is registered, by
// each method that takes one.
func TestNilHandlers(t *testing.T) {
	srv, err := sio.New(sio.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	methods := 0
	for _, of := range []any{srv, srv.Of("/a"), new(sio.Socket)} {
		v := reflect.ValueOf(of)
		for i := range v.NumMethod() {
			m, name := v.Method(i), v.Type().Method(i).Name
			var args []reflect.Value
			takes := false
			for n := range m.Type().NumIn() {
				in := m.Type().In(n)
				if n == m.Type().NumIn()-1 && m.Type().IsVariadic() {
					break
				}
				takes = takes || in.Kind() == reflect.Func || in == reflect.TypeFor[*regexp.Regexp]()
				args = append(args, reflect.Zero(in))
			}
			if !takes {
				continue
			}
			methods++
			if p := fmt.Sprint(panicOf(func() { m.Call(args) })); !strings.HasPrefix(p, "sio: ") || !strings.HasSuffix(p, " is nil") {
				t.Errorf("%T.%s panics with %s", of, name, p)
			}
		}
	}
	if methods < 30 {
		t.Errorf("%d methods were found", methods)
	}
	for _, f := range []func(){
		func() { sio.On[string](srv, "e", nil) },
		func() { sio.OnAck[string, string](srv, "e", nil) },
	} {
		if p := fmt.Sprint(panicOf(f)); !strings.HasSuffix(p, "the handler is nil") {
			t.Error(p)
		}
	}
	if n := srv.Listeners("e"); n != 0 {
		t.Errorf("%d handlers", n)
	}
	sio.On(srv, "e", func(context.Context, *sio.Socket, string) error { return nil })
	if _, err := sio.New(sio.Config{Middleware: []func(http.Handler) http.Handler{nil}}); err == nil {
		t.Error("a middleware that is nil is taken")
	}
}
