// Command sioserver serves Socket.IO, the stock browser client and a demo chat
// on one port. It is wiring: flags become a sio.Config, signals call Shutdown.
// Package sio serves the clients, package demo has the chat.
package main
