package sio

import "github.com/sioserver/sioserver/eio"

// EnginePacket is an Engine.IO packet as [Config.OnPacket] sees it. Its data is
// borrowed.
type EnginePacket = eio.Packet

// ofPacket is a hook of packets as the engine calls it; nil for nil. The engine
// logs and counts its panics.
func ofPacket(hook func(*Conn, EnginePacket)) func(*eio.Session, eio.Packet) {
	if hook == nil {
		return nil
	}
	return func(s *eio.Session, p eio.Packet) { hook(connOf(s), p) }
}

// ofConn is ofPacket for a hook without a packet.
func ofConn(hook func(*Conn)) func(*eio.Session) {
	if hook == nil {
		return nil
	}
	return func(s *eio.Session) { hook(connOf(s)) }
}
