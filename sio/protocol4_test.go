package sio_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

// serveOld starts a server for clients of both protocols.
func serveOld(t *testing.T, setup func(f *fixture)) *fixture {
	t.Helper()
	return serve(t, sio.Config{AllowEIO3: true}, func(f *fixture) {
		echo(f)
		f.watch("/custom")
		if setup != nil {
			setup(f)
		}
	})
}

// pollingV3 opens a session of protocol 3 over polling.
func (f *fixture) pollingV3(t *testing.T, query string) *polling {
	t.Helper()
	p := &polling{t: t, url: "http://" + f.addr + "/socket.io/?EIO=3&transport=polling" + query, http: pollingClient}
	_, open, _ := strings.Cut(p.poll(), ":")
	p.url += "&sid=" + openPacket(t, open)
	return p
}

// TestProtocol4Connect: a client of protocol 4 joins "/" when it connects.
func TestProtocol4Connect(t *testing.T) {
	f := serveOld(t, nil)
	w := f.dialEIO(t, 3)
	w.want("40")
	s := wait.For(t, "connection", f.connected)
	if auth := string(s.Handshake().Auth); s.ID() != w.sid || auth != "{}" {
		t.Errorf("connected as %s with %s, want %s with {}", s.ID(), auth, w.sid)
	}
	w.alive()
	w.send("2")
	w.want("3")
	w.send("40")
	w.wantClosed()
	wantReason(t, f, "/ forced close")

	p := f.pollingV3(t, "")
	p.want("2:40")
	p.post(`15:42["echo","hé"]`)
	p.want(`15:42["echo","hé"]`)
	p.post("1:1")
	wantReason(t, f, "/ transport close")
}

// TestProtocol4Off refuses old clients unless they are wanted.
func TestProtocol4Off(t *testing.T) {
	f := serve(t, sio.Config{}, nil)
	res, err := pollingClient.Get("http://" + f.addr + "/socket.io/?EIO=3&transport=polling")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusBadRequest || !strings.Contains(string(body), `"code":5`) {
		t.Errorf("answered %d %s", res.StatusCode, body)
	}
}

// TestProtocol4Namespaces: clients of protocol 4 join and leave namespaces.
// Every packet may carry a query.
func TestProtocol4Namespaces(t *testing.T) {
	f := serveOld(t, func(f *fixture) {
		sio.On(f.Of("/custom"), "echo", func(_ context.Context, s *sio.Socket, n int) error { return s.Emit("echo", n) })
	})
	w := f.dialEIO(t, 3)
	w.want("40")
	wait.For(t, "connection", f.connected)
	w.send("40/nope?a=b")
	w.want(`44/nope,{"message":"Invalid namespace"}`)
	for _, tc := range []struct{ connect, auth string }{
		{"40/custom?token=a&x", `{"token":"a","x":""}`},
		{"40/custom?b=1&a=%22+%C3%A9&b=2#c", `{"b":["1","2"],"a":"\" é"}`},
		{`40/custom?,{"not":"auth"}`, `{}`},
		{`40/custom,{"not":"auth"}`, `{}`},
		{"40/custom", `{}`},
	} {
		w.send(tc.connect)
		w.want("40/custom,")
		s := wait.For(t, "connection", f.connected)
		if auth := string(s.Handshake().Auth); auth != tc.auth {
			t.Errorf("%s: auth %s, want %s", tc.connect, auth, tc.auth)
		}
		if want := "/custom#" + w.sid; s.ID() != want || s.Rooms()[0] != want {
			t.Errorf("id %s, rooms %v, want %s", s.ID(), s.Rooms(), want)
		}
		w.send(`42/custom?token=a,["echo",1]`)
		w.want(`42/custom,["echo",1]`)
		if err := f.Of("/custom").To(s.ID()).Emit("by id"); err != nil {
			t.Error(err)
		}
		if err := f.Of("/custom").To(s.ID(), "room").Except(s.ID()).Emit("not by id"); err != nil {
			t.Error(err)
		}
		if err := f.Of("/custom").To(w.sid).Emit("not by the connection's id"); err != nil {
			t.Error(err)
		}
		if err := f.To(w.sid).Emit("main by id"); err != nil {
			t.Error(err)
		}
		w.want(`42/custom,["by id"]`, `42["main by id"]`)
		w.send("41/custom?x")
		wantReason(t, f, "/custom client namespace disconnect")
	}
	w.send("41")
	wantReason(t, f, "/ client namespace disconnect")
	w.send("40")
	w.want("40")
	w.alive()
}

// TestProtocol4Refusal: a refusal has the form of protocol 4.
func TestProtocol4Refusal(t *testing.T) {
	f := serveOld(t, func(f *fixture) {
		f.Of("/custom").Use(func(s *sio.Socket) error {
			var auth struct{ Say string }
			if err := s.Handshake().BindAuth(&auth); err != nil {
				return err
			}
			if auth.Say == "data" {
				return &sio.ConnectError{Message: "unused", Data: map[string]int{"a": 1}}
			}
			return errors.New("nope")
		})
		f.Use(func(s *sio.Socket) error {
			if _, stay := s.Handshake().Query["token"]; stay {
				return nil
			}
			return errors.New("no")
		})
	})
	w := f.dialEIO(t, 3)
	w.want("40")
	w.send("40/custom?Say=data")
	w.want(`44/custom,{"a":1}`)
	w.send("40/custom")
	w.want(`44/custom,"nope"`)
	w.alive()
	f.pollingV3(t, "").want(`6:44"no"`)
}

// TestProtocol4Broadcast: a binary event reaches clients of both
// protocols, each in its framing.
func TestProtocol4Broadcast(t *testing.T) {
	f := serveOld(t, nil)
	v4, v3 := f.join(t), f.dialEIO(t, 3)
	v3.want("40")
	p4 := f.polling(t)
	p4.connect()
	p3, b64 := f.pollingV3(t, ""), f.pollingV3(t, "&b64=1")
	p3.want("2:40")
	b64.want("2:40")
	if err := f.Emit("é", []byte{1, 2, 0xff}); err != nil {
		t.Fatal(err)
	}
	const length = 39 // UTF-16 units; the binary payload counts bytes
	const head = `451-["é",{"_placeholder":true,"num":0}]`
	v4.want(head, "b:0102ff")
	v3.want(head, "b:040102ff")
	p4.want(head + "\x1eb" + base64.StdEncoding.EncodeToString([]byte{1, 2, 0xff}))
	b64.want(fmt.Sprintf("%d:%s6:b4AQL/", length, head))
	// The binary payload: <0 text | 1 binary><length's digits as
	// bytes><255><packet>.
	p3.want("\x00\x04\x00\xff" + head + "\x01\x04\xff\x04\x01\x02\xff")

	v3.send(`451-["echo",{"_placeholder":true,"num":0}]`, "b:04"+hex.EncodeToString([]byte{7, 8}))
	v3.want(`451-["echo",{"_placeholder":true,"num":0}]`, "b:040708")
}
