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
// net/http server, with HTTPS and HTTP/2 too. The sessions live on the loops of
// e. Mount it so that it gets the requests under Config.Path with their
// RequestURI as the client sent it; it passes others to Config.Fallback.
//
// The costs differ. A WebSocket over plain TCP leaves net/http and goes to e,
// where it is like any other. One over TLS leaves net/http too, but goroutines
// drive it (see loop.Engine.AdoptWith for the price). A polling request stays
// in net/http: while a GET is parked it costs net/http's connection and
// goroutine, and a pipe with two more. HTTP/2 carries polling only. Pipelined
// requests wait until net/http takes them up.
//
// Polls outlive the server's ReadTimeout and WriteTimeout. While an answer is
// written, a peer that takes no 4 KiB of it within Config.RequestTimeout, or
// within a shorter WriteTimeout, loses its connection, or with HTTP/2 its
// stream. Only http.HTTP2Config.WriteByteTimeout ends an HTTP/2 connection that
// takes nothing at all: set it.
//
// http.Server.Shutdown does not wait for parked polls: their sessions end, and
// stock clients connect again. WebSockets stay until Close.
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

// asksForWebSocket reports whether r asks for a WebSocket. The connection then
// leaves net/http whatever the answer is, so that a request which net/http
// would route never reaches the engine behind it.
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

// handOver gives the connection of an upgrade to the engine, or to the
// session's node.
func (n *netHandler) handOver(w http.ResponseWriter, r *http.Request) {
	tunnel, refused := n.srv.openTunnel(r)
	head := appendHead(nil, r, "Upgrade, close")
	if refused {
		head = append(http1.AppendHeader(openHead(head), forwardedField, "1"), "\r\n"...)
	}
	header := w.Header().Clone()
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		if tunnel != nil {
			tunnel.Close()
		}
		http.Error(w, "the connection can't be upgraded", http.StatusNotImplemented)
		return
	}
	early, _ := buffered.Reader.Peek(buffered.Reader.Buffered()) // Peek of what is buffered can't fail
	if tunnel != nil {
		go tunnel.Run(conn, bytes.Clone(early), nil)
		return
	}
	if err := n.adopt(conn, r, append(head, early...), header); err != nil {
		n.srv.cfg.Logger.Debug("eio: a connection of net/http was not taken over", "error", err)
	}
}

// adopt gives conn to the engine, on the loop of the session that r names.
// header is added to the answer.
func (n *netHandler) adopt(conn net.Conn, r *http.Request, unread []byte, header http.Header) error {
	options := loop.AdoptOptions{Unread: unread}
	var err error
	if options.Remote, err = netip.ParseAddrPort(r.RemoteAddr); err != nil {
		if ip, err := netip.ParseAddr(r.RemoteAddr); err == nil { // without a port, as some middlewares set it
			options.Remote = netip.AddrPortFrom(ip, 0)
		}
	}
	if home := n.srv.homeOf(r.URL.Query().Get("sid")); home != nil {
		options.Loop = home.loop
	}
	// What has accepted conn has read a PROXY header.
	o := &outer{values: valuesOf(r.Context()), header: header}
	return n.engine.AdoptWith(conn, options, o.accept(n.srv, r.TLS != nil))
}

// appendHead appends the head of r as HTTP/1.1 sends it, without the fields
// that concern only the connection on which r came.
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
