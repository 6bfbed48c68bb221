package main

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sioserver/sioserver/docs/examples/internal/exampletest"
)

func TestFiguresCountWhatAClientDoes(t *testing.T) {
	srv, figures, err := newApp()
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	if err := srv.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	c := exampletest.Connect(t, "http://"+srv.Addr().String(), exampletest.Options{Transport: "websocket"})
	if got := c.Ask("greet", "Ada"); got != `["hello Ada"]` {
		t.Errorf("answered with %s", got)
	}
	answer := httptest.NewRecorder()
	figures.ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	want := `sioserver_handler_duration_seconds_count{event="greet",namespace="/"} 1`
	if !strings.Contains(answer.Body.String(), want) {
		t.Errorf("there is no %s in\n%s", want, answer.Body)
	}
}
