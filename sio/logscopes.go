package sio

import "github.com/sioserver/sioserver/loop/logscope"

// LogScopes turns details of the log on and off by component, while the server
// runs, as the environment variable DEBUG does with the reference:
//
//	var scopes sio.LogScopes // a flag.Value too: flag.Var(&scopes, "debug", "scopes of the log")
//	srv, err := sio.New(sio.Config{Logger: slog.New(scopes.Handler(slog.Default().Handler()))})
//	err = scopes.Set("engine,socket.io:*") // at any time; "" turns all off
//
// The scopes are
//
//	engine             requests that are refused or no HTTP
//	engine:socket      connections: opened, upgraded, closed, and the type of each Engine.IO packet
//	socket.io:client   namespaces that are refused, packets that are wrong, and the type of each Socket.IO packet
//	socket.io:socket   sockets: connected, disconnected, handlers that fail
//
// With a scope that is off a packet costs the load of a bool, without LogScopes
// nothing.
type LogScopes = logscope.Scopes

// LevelTrace is the level of the log's lines about single packets, below debug
// level. A logger without [LogScopes] has them if it takes this level when the
// server is made.
const LevelTrace = logscope.LevelTrace
