package io.weir.clients;

import com.amazonaws.services.dynamodbv2.local.main.ServerRunner;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.ServerSocket;

/** A DynamoDB in memory, on a free port. It prints its address when it is ready. */
public final class Leases {
  public static void main(String[] args) throws Exception {
    int port;
    try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      port = free.getLocalPort();
    }
    PrintStream out = System.out;
    System.setOut(System.err); // the server greets on standard output
    ServerRunner.createServerFromCommandLineArgs(new String[] {
        "-inMemory", "-disableTelemetry", "-sharedDb", "-port", Integer.toString(port)}).start();
    out.println("http://127.0.0.1:" + port);
  }
}
