package eio

import (
	"bytes"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"github.com/sioserver/sioserver/eio/internal/http1"
	"github.com/sioserver/sioserver/loop"
)

// Handler returns an http.Handler that serves srv among the other routes of a
// net/http server, HTTPS and HTTP/2 included; e has the loops that the sessions
// live on. Mount it so that it gets the requests under Config.Path with their
// RequestURI as the client sent it, in whichever form; the others go to Config.Fallback.
//
// The costs differ. A WebSocket over plain TCP is taken out of net/http and
// given to e, where it is like any other. Over TLS it is taken out too, but
// driven by goroutines (loop.Engine.AdoptWith says at what price). A polling
// request stays in net/http: while a GET is parked it costs net/http's
// connection and goroutine, and a pipe with two more. HTTP/2 carries polling
// only. What a peer pipelines waits until net/http takes it up.
//
// Polls outlive the server's ReadTimeout and WriteTimeout. When an answer is
// written, a peer that takes no 4 KiB of it for Config.RequestTimeout, or for the
// WriteTimeout if that is shorter, loses its connection, and by HTTP/2 its stream.
// An HTTP/2 connection that takes nothing at all is ended by
// http.HTTP2Config.WriteByteTimeout alone: set it.
func (srv *Server) Handler(e *loop.Engine) http.Handler {
	return &netHandler{srv, e}
}

type netHandler struct {
	srv    *Server
	engine *loop.Engine
}

func (n *netHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	target := originForm(r.RequestURI)
	site := netHandler{n.srv.site([]byte(target)), n.engine}
	switch {
	case !strings.HasPrefix(target, site.srv.prefix):
		site.srv.cfg.Fallback.ServeHTTP(w, r)
	case asksForWebSocket(r):
		site.handOver(w, r)
	default:
		site.relay(w, r)
	}
}

// asksForWebSocket reports whether the answer to r, whatever it is, ends the
// connection's time as one of HTTP: what net/http would route must never come
// to the engine behind it.
func asksForWebSocket(r *http.Request) bool {
	if r.ProtoMajor != 1 || r.Method != http.MethodGet || !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		return false
	}
	for token := range strings.SplitSeq(strings.Join(r.Header["Connection"], ","), ",") {
		if strings.EqualFold(strings.TrimSpace(token), "upgrade") {
			return true
		}
	}
	return false
}

// handOver gives the connection of an upgrade to the engine, or to the node of the
// session.
func (n *netHandler) handOver(w http.ResponseWriter, r *http.Request) {
	tunnel, refused := n.srv.openTunnel(r)
	head := appendHead(nil, r, "Upgrade, close")
	if refused {
		head = append(http1.AppendHeader(openHead(head), forwardedField, "1"), "\r\n"...)
	}
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		if tunnel != nil {
			tunnel.Close()
		}
		http.Error(w, "the connection can't be upgraded", http.StatusNotImplemented)
		return
	}
	early, _ := buffered.Reader.Peek(buffered.Reader.Buffered()) // what is buffered can be peeked
	if tunnel != nil {
		go tunnel.Run(conn, bytes.Clone(early), nil)
		return
	}
	if err := n.adopt(conn, r, append(head, early...)); err != nil {
		n.srv.cfg.Logger.Debug("eio: a connection of net/http was not taken over", "error", err)
	}
}

// adopt gives conn to the engine, on the loop of the session that r names.
func (n *netHandler) adopt(conn net.Conn, r *http.Request, unread []byte) error {
	options := loop.AdoptOptions{Unread: unread}
	var err error
	if options.Remote, err = netip.ParseAddrPort(r.RemoteAddr); err != nil {
		if ip, err := netip.ParseAddr(r.RemoteAddr); err == nil { // a middleware has put it there
			options.Remote = netip.AddrPortFrom(ip, 0)
		}
	}
	if home := n.srv.homeOf(r.URL.Query().Get("sid")); home != nil {
		options.Loop = home.loop
	}
	accept := n.srv.Accept
	if r.TLS != nil {
		accept = n.srv.acceptSecure
	}
	return n.engine.AdoptWith(conn, options, accept)
}

// appendHead appends the head of r as HTTP/1.1 sends it, without what concerned
// only the connection that it came by.
func appendHead(dst []byte, r *http.Request, connection string) []byte {
	dst = append(dst, r.Method+" "+originForm(r.RequestURI)+" HTTP/1.1\r\n"...)
	dst = http1.AppendHeader(dst, "Host", r.Host)
	for name, values := range r.Header {
		switch name {
		case "Host", "Content-Length", "Transfer-Encoding", "Expect", "Keep-Alive", "Te", "Trailer", "Proxy-Connection", "Connection":
			continue
		case "Upgrade":
			if connection == "" {
				continue
			}
		}
		for _, value := range values {
			dst = http1.AppendHeader(dst, name, value)
		}
	}
	if connection != "" {
		dst = http1.AppendHeader(dst, "Connection", connection)
	}
	if r.ContentLength > 0 {
		dst = http1.AppendHeader(dst, "Content-Length", strconv.FormatInt(r.ContentLength, 10))
	} else if r.ContentLength < 0 {
		dst = http1.AppendHeader(dst, "Transfer-Encoding", "chunked")
	}
	return append(dst, "\r\n"...)
}
