package eio

import (
	"log/slog"

	"github.com/sioserver/sioserver/codec/engineio"
	"github.com/sioserver/sioserver/loop/logscope"
)

// Packet is an Engine.IO packet as hooks see it. Its data is borrowed.
type Packet = engineio.Packet

// watch observes the packets of sessions: for hooks of the application, and for
// the log. A server has none unless there is a hook, or the log may ask for
// packets; then its sessions check a bool for each packet.
type watch struct {
	log                 *logscope.Logger
	hooks               *hooks
	created, received   func(*Session, Packet) // nil for none, as the following
	drained, heartbeats func(*Session)
}

// newWatch returns nil if there is nothing to observe.
func newWatch(cfg *Config, hooks *hooks, log *logscope.Logger) *watch {
	if cfg.OnPacket == nil && cfg.OnPacketCreate == nil && cfg.OnDrain == nil && cfg.OnHeartbeat == nil && !log.MayTrace() {
		return nil
	}
	return &watch{log, hooks, cfg.OnPacketCreate, cfg.OnPacket, cfg.OnDrain, cfg.OnHeartbeat}
}

// trace logs a packet's type.
func (w *watch) trace(s *Session, message string, p Packet) {
	if w.log.Traces() {
		w.log.Trace(message,
			slog.String("client", s.LogID()),
			slog.String("type", p.Type.String()),
			slog.Bool("binary", p.Binary),
			slog.Int("bytes", len(p.Data)))
	}
}

func (s *Session) received(p Packet) {
	w := s.home.srv.watch
	w.trace(s, "eio: packet in", p)
	if hook := w.received; hook != nil {
		_ = w.hooks.await("Config.OnPacket", func() { hook(s, p) })
	}
}

func (s *Session) created(encoded *EncodedPacket) {
	w, p := s.home.srv.watch, encoded.packet()
	w.trace(s, "eio: packet out", p)
	if hook := w.created; hook != nil {
		_ = w.hooks.await("Config.OnPacketCreate", func() { hook(s, p) })
	}
}

func (s *Session) heartbeat() {
	if hook := s.home.srv.watch.heartbeats; hook != nil {
		_ = s.home.srv.hooks.await("Config.OnHeartbeat", func() { hook(s) })
	}
}

// drained is called when all packets were handed to the system.
func (s *Session) drained() {
	if hook := s.home.srv.watch.drained; hook != nil {
		_ = s.home.srv.hooks.await("Config.OnDrain", func() { hook(s) })
	}
}
