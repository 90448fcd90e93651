// Walk MIB SECONDS: fills an array of so many MiB, says "filled", and reads a word of each page of
// it over and over.
public class Walk {
  public static void main(String[] arguments) {
    long[] words = new long[Integer.parseInt(arguments[0]) * 131072];
    long end = System.nanoTime() + (long) (Double.parseDouble(arguments[1]) * 1e9);
    for (int i = 0; i < words.length; i += 512) words[i] = i;
    System.out.println("filled");
    long sum = 0;
    do {
      for (int i = 0; i < words.length; i += 512) sum += words[i];
    } while (System.nanoTime() < end);
    System.out.println(sum);
  }
}
