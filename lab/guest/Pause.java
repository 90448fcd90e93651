/** A JVM that has touched its heap, says so, and stays until its standard input ends. */
public class Pause {
  private static byte[][] held;

  public static void main(String[] args) throws Exception {
    held = new byte[args.length > 0 ? Integer.parseInt(args[0]) : 0][];
    for (int i = 0; i < held.length; i++) {
      held[i] = new byte[1 << 20];
      for (int at = 0; at < held[i].length; at += 4096) held[i][at] = 1;
    }
    System.out.println("ready");
    System.out.flush();
    while (System.in.read() >= 0) {
    }
  }
}
